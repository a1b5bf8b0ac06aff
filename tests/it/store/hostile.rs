//! Text that means something to SQL, to C, or to a terminal is text here.

use super::{NOW, audit::row};
use crate::support::database::{TestDb, each};
use rack_gateway::store::{AuditFilter, AuditRow, GrantRow, RoleRow, Subject};
use std::{borrow::Cow, sync::Arc};

const HOSTILE: [&str; 9] = [
    "'; DROP TABLE users; --",
    "\" OR \"\"=\"",
    "$1 %s {} \\' \\",
    "a\nb\r\tc\u{1b}[2J",
    "\u{202e}gnp.exe",
    "é \u{301} ẞ İ 日本 🦀 \u{10ffff}",
    "100% _ like",
    "",
    " blank ",
];

#[tokio::test]
async fn access_rows_keep_any_text() {
    each(async |db: TestDb| {
        for (index, text) in HOSTILE.iter().enumerate() {
            let user = db.add_user(&format!("{index}{text}"), text, NOW).await.unwrap();
            assert_eq!(db.user_by_email(&user.email).await.unwrap(), user, "{text:?}");
            db.set_user_lock(&user.email, Some((NOW, text))).await.unwrap();
            let locked = db.user_by_email(&user.email).await.unwrap();
            assert_eq!(locked.locked_reason.as_deref(), Some(*text));

            let (name, text) = (format!("{index}{text}"), (*text).to_owned());
            let role =
                RoleRow { name, description: text.clone(), permissions: text.clone(), created_at: NOW };
            db.add_role(&role).await.unwrap();
            assert!(db.custom_roles().await.unwrap().contains(&role), "{text:?}");
            db.remove_role(&role.name).await.unwrap();

            let grant = GrantRow::new(Subject::User(user.id), &text, &text, None, NOW);
            db.add_grant(&grant).await.unwrap();
            assert!(db.grants().await.unwrap().contains(&grant), "{text:?}");
        }
        assert_eq!(db.users().await.unwrap().len(), HOSTILE.len());
    })
    .await;
}

fn hostile_row(text: &str, record: &str) -> AuditRow {
    AuditRow {
        user_email: Arc::from(text),
        action: Cow::Owned(text.to_owned()),
        resource: Arc::from(text),
        status: Cow::Owned(text.to_owned()),
        rbac_decision: Cow::Owned(text.to_owned()),
        ..row(record)
    }
}

fn filters(text: &str) -> [AuditFilter; 5] {
    let text = || Some(text.to_owned());
    let all = || AuditFilter { limit: 10, ..AuditFilter::default() };
    [
        AuditFilter { user_email: text(), ..all() },
        AuditFilter { action: text(), ..all() },
        AuditFilter { resource: text(), ..all() },
        AuditFilter { status: text(), ..all() },
        AuditFilter { rbac_decision: text(), ..all() },
    ]
}

#[tokio::test]
async fn audit_rows_are_found_by_any_text() {
    each(async |db: TestDb| {
        let rows: Vec<_> = HOSTILE.iter().map(|text| hostile_row(text, text)).collect();
        db.append_audit(&rows).await.unwrap();
        for text in HOSTILE {
            for filter in filters(text) {
                let found = db.audit_rows(&filter).await.unwrap();
                assert_eq!(found.len(), 1, "{filter:?}");
                assert_eq!(found[0].record, text.as_bytes());
            }
        }
    })
    .await;
}

/// PostgreSQL has no NUL in a text. It must not cost the batch, and the row must still be found.
#[tokio::test]
async fn a_nul_in_an_audit_row_does_not_lose_the_batch() {
    each(async |db: TestDb| {
        let rows = [row("before"), hostile_row("a\0b\0", "nul"), row("after")];
        db.append_audit(&rows).await.unwrap();
        for asked in ["a\0b\0", "a\u{fffd}b\u{fffd}"] {
            for filter in filters(asked) {
                let found = db.audit_rows(&filter).await.unwrap();
                assert_eq!(found.len(), 1, "{filter:?}");
                assert_eq!(found[0].record, b"nul");
            }
        }
        let nothing = AuditFilter { event: Some("\0".to_owned()), limit: 10, ..AuditFilter::default() };
        assert_eq!(db.audit_rows(&nothing).await.unwrap(), []);
    })
    .await;
}
