//! What the two engines do differently, each under a name.

use super::{
    AuditRow, BeatRow, StoreResult, directory_news,
    stretch::{Additions, Stretch, WIDEN},
};
use sqlx::{
    PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction, error::ErrorKind,
    postgres::PgArguments, query::Query, sqlite::SqliteArguments,
};
use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

/// Rows of one SQLite statement. Few sizes, so that each is prepared once and kept.
const SIZES: [usize; 5] = [256, 64, 16, 4, 1];

/// The most rows that are a few.
const FEW: usize = 16;

type Bound = Query<'static, Sqlite, SqliteArguments>;

/// A multi-row statement in each of the [`SIZES`].
struct Insert {
    texts: [String; SIZES.len()],
}

const RECORD: &str =
    "(seq, ts, event, request_id, user_email, action, resource, status, rbac_decision, record)";
/// A shared text can be bound without a copy, shared bytes cannot.
const RECORD_PLACES: &str = "?,?,?,?,?,?,?,?,?,CAST(? AS BLOB)";

static INSERT_ROWS: LazyLock<Insert> =
    LazyLock::new(|| Insert::new(&format!("audit_log {RECORD}"), RECORD_PLACES, ""));
static INSERT_STRETCHES: LazyLock<Insert> = LazyLock::new(|| {
    Insert::new("audit_stretch (stretch, first_ts, last_ts, first_request, last_request)", "?,?,?,?,?", WIDEN)
});
static INSERT_USERS: LazyLock<Insert> = LazyLock::new(|| {
    Insert::new("audit_stretch_user (user_email, stretch)", "?,?", "ON CONFLICT DO NOTHING")
});
/// For each number of rows, from one on.
static INSERT_FEW: LazyLock<[String; FEW]> = LazyLock::new(|| {
    let into = format!("audit_intake {RECORD}");
    std::array::from_fn(|index| insert(&into, RECORD_PLACES, "", index.saturating_add(1)))
});

/// Anonymous places: the driver looks up the name of each numbered one, which costs time in the square of their
/// number.
fn insert(into: &str, places: &str, tail: &str, rows: usize) -> String {
    let row = format!("({places})");
    format!("INSERT INTO {into} VALUES {} {tail}", vec![row; rows].join(","))
}

impl Insert {
    fn new(into: &str, places: &str, tail: &str) -> Self {
        Self { texts: SIZES.map(|rows| insert(into, places, tail, rows)) }
    }

    async fn all<T>(
        &'static self,
        connection: &mut SqliteConnection,
        items: &[T],
        mut bind: impl FnMut(Bound, &T) -> Bound,
    ) -> StoreResult<()> {
        let mut rest = items;
        for (size, sql) in SIZES.iter().zip(&self.texts) {
            while rest.len() >= *size {
                let (now, later) = rest.split_at(*size);
                let query = now.iter().fold(sqlx::query(sql.as_str()), &mut bind);
                query.execute(&mut *connection).await?;
                rest = later;
            }
        }
        Ok(())
    }
}

/// PostgreSQL keeps no NUL in a text, and one would refuse the whole batch; both engines get U+FFFD instead.
/// The exact bytes stand in `record`.
pub(super) fn searchable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// The same for a text that is shared: usually itself.
fn searchable_shared(text: &Arc<str>) -> Arc<str> {
    if text.contains('\0') { searchable(text).into() } else { text.clone() }
}

/// Words that many rows of a batch share, each copied for the engine once.
#[derive(Default)]
struct Words(Vec<(&'static str, Arc<str>)>);

impl Words {
    /// More than a batch has of actions, statuses and the like; others are copied each time.
    const KEPT: usize = 32;

    #[expect(clippy::ptr_arg, reason = "whether it is a word of the program decides")]
    fn shared(&mut self, word: &Cow<'static, str>) -> Arc<str> {
        let Cow::Borrowed(word) = *word else { return searchable(word).into() };
        if let Some((_, shared)) = self.0.iter().find(|(known, _)| std::ptr::eq(*known, word)) {
            return shared.clone();
        }
        let shared: Arc<str> = searchable(word).into();
        if self.0.len() < Self::KEPT {
            self.0.push((word, shared.clone()));
        }
        shared
    }
}

fn bind_row(query: Bound, seq: i64, row: &AuditRow, words: &mut Words) -> Bound {
    query
        .bind(seq)
        .bind(row.ts)
        .bind(words.shared(&Cow::Borrowed(row.event)))
        .bind(row.request_id)
        .bind(searchable_shared(&row.user_email))
        .bind(words.shared(&row.action))
        .bind(searchable_shared(&row.resource))
        .bind(words.shared(&row.status))
        .bind(words.shared(&row.rbac_decision))
        .bind(row.record.clone())
}

/// The statement for so many rows, when they are a few.
pub(super) fn few(rows: usize) -> Option<&'static str> {
    INSERT_FEW.get(rows.checked_sub(1)?).map(String::as_str)
}

/// SQLite: as many rows as `sql` is for, behind `next - 1` and in a transaction of their own, or none when the log ends
/// elsewhere. A transaction of several statements is handed to the engine's thread and back for each of them, which takes
/// longer than its work (`make bench`, row 9).
pub(super) async fn insert_few_sqlite(
    pool: &SqlitePool,
    sql: &'static str,
    next: i64,
    rows: &[AuditRow],
) -> StoreResult<bool> {
    let mut words = Words::default();
    let query = rows
        .iter()
        .zip(next..)
        .fold(sqlx::query(sql), |query, (row, seq)| bind_row(query, seq, row, &mut words));
    match query.execute(pool).await {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.kind() == ErrorKind::NotNullViolation => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// SQLite: multi-row `VALUES`, since each statement costs two hops to the engine's thread.
pub(super) async fn insert_audit_sqlite(
    tx: &mut Transaction<'_, Sqlite>,
    first_seq: i64,
    rows: &[AuditRow],
) -> StoreResult<()> {
    let mut seq = first_seq;
    let mut words = Words::default();
    let next_row = |query: Bound, row: &AuditRow| {
        let bound = bind_row(query, seq, row, &mut words);
        seq += 1;
        bound
    };
    INSERT_ROWS.all(tx, rows, next_row).await?;
    let Additions { stretches, users } = Additions::of(first_seq, rows);
    let bind_stretch = |query: Bound, one: &Stretch| {
        query
            .bind(one.stretch)
            .bind(one.first_ts)
            .bind(one.last_ts)
            .bind(one.first_request)
            .bind(one.last_request)
    };
    INSERT_STRETCHES.all(tx, &stretches, bind_stretch).await?;
    let bind_user = |query: Bound, (user, stretch): &(Cow<'_, str>, i64)| query.bind(&**user).bind(*stretch);
    INSERT_USERS.all(tx, &users, bind_user).await
}

/// PostgreSQL: one statement with an array for each column of each table.
pub(super) async fn insert_audit_postgres(
    tx: &mut Transaction<'_, Postgres>,
    first_seq: i64,
    rows: &[AuditRow],
) -> StoreResult<()> {
    bind_audit(&INSERT_POSTGRES, first_seq, rows).execute(&mut **tx).await?;
    Ok(())
}

/// In a transaction of its own, and only when the log ends before `next`.
pub(super) async fn insert_audit_postgres_at(
    pool: &PgPool,
    next: i64,
    rows: &[AuditRow],
) -> StoreResult<bool> {
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    // Returns when the server has said that it is done with the commit, too.
    let done = bind_audit(&INSERT_POSTGRES_AT, next, rows).bind(next).bind(count).execute(pool).await?;
    Ok(done.rows_affected() > 0)
}

fn bind_audit(
    statement: &'static str,
    first_seq: i64,
    rows: &[AuditRow],
) -> Query<'static, Postgres, PgArguments> {
    let column = |get: fn(&AuditRow) -> Cow<'_, str>| rows.iter().map(get).collect::<Vec<_>>();
    let Additions { stretches, users } = Additions::of(first_seq, rows);
    let (users, users_in): (Vec<_>, Vec<_>) = users.into_iter().unzip();
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    sqlx::query(statement)
        .bind((first_seq..first_seq + count).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.ts.as_micros()).collect::<Vec<_>>())
        .bind(column(|row| Cow::Borrowed(row.event)))
        .bind(rows.iter().map(|row| *row.request_id.as_uuid()).collect::<Vec<_>>())
        .bind(column(|row| searchable(&row.user_email)))
        .bind(column(|row| searchable(&row.action)))
        .bind(column(|row| searchable(&row.resource)))
        .bind(column(|row| searchable(&row.status)))
        .bind(column(|row| searchable(&row.rbac_decision)))
        .bind(rows.iter().map(|row| row.record.as_bytes()).collect::<Vec<_>>())
        .bind(stretches.iter().map(|one| one.stretch).collect::<Vec<_>>())
        .bind(stretches.iter().map(|one| one.first_ts.as_micros()).collect::<Vec<_>>())
        .bind(stretches.iter().map(|one| one.last_ts.as_micros()).collect::<Vec<_>>())
        .bind(stretches.iter().map(|one| *one.first_request.as_uuid()).collect::<Vec<_>>())
        .bind(stretches.iter().map(|one| *one.last_request.as_uuid()).collect::<Vec<_>>())
        .bind(users)
        .bind(users_in)
}

static INSERT_POSTGRES: LazyLock<String> = LazyLock::new(|| insert_postgres("", ""));

static INSERT_POSTGRES_AT: LazyLock<String> = LazyLock::new(|| {
    let head = "head AS (UPDATE audit_head SET next_seq = next_seq + $19 WHERE id = 1 AND next_seq = $18 \
        RETURNING id), ";
    // The row of the head, or none: then nothing is inserted anywhere.
    insert_postgres(head, "head, ")
});

/// `before` stands before the other parts of the statement, `with` beside each of their sources.
fn insert_postgres(before: &str, with: &str) -> String {
    format!(
        "WITH {before}stretches AS (\
             INSERT INTO audit_stretch (stretch, first_ts, last_ts, first_request, last_request) \
             SELECT rows.* FROM {with}\
             UNNEST($11::bigint[], $12::bigint[], $13::bigint[], $14::uuid[], $15::uuid[]) AS rows {WIDEN}\
         ), users AS (\
             INSERT INTO audit_stretch_user (user_email, stretch) \
             SELECT rows.* FROM {with}UNNEST($16::text[], $17::bigint[]) AS rows ON CONFLICT DO NOTHING\
         ) \
         INSERT INTO audit_log (seq, ts, event, request_id, user_email, action, resource, status, rbac_decision, \
         record) \
         SELECT rows.* FROM {with}UNNEST($1::bigint[], $2::bigint[], $3::text[], $4::uuid[], $5::text[], $6::text[], \
         $7::text[], $8::text[], $9::text[], $10::bytea[]) AS rows"
    )
}

/// What writers of the directory do differently.
pub(super) trait DirectoryTx {
    /// Tells other processes of new events once the transaction is committed; SQLite has no way to.
    async fn tell_of_events(&mut self) -> StoreResult<()>;

    /// Moves signs of life forward, all in one statement.
    async fn write_beats(&mut self, beats: &[BeatRow]) -> StoreResult<()>;
}

impl DirectoryTx for Transaction<'_, Sqlite> {
    async fn tell_of_events(&mut self) -> StoreResult<()> {
        Ok(())
    }

    async fn write_beats(&mut self, beats: &[BeatRow]) -> StoreResult<()> {
        const WRITE: &str = "UPDATE instance_beats SET renewed_at = MAX(renewed_at, b.renewed), \
             seen_at = MAX(seen_at, b.seen) FROM (SELECT value ->> 0 AS id, value ->> 1 AS renewed, \
             value ->> 2 AS seen FROM json_each($1)) AS b WHERE instance_id = b.id";
        let row = |beat: &BeatRow| {
            serde_json::json!([beat.instance_id, beat.renewed_at.as_micros(), beat.seen_at.as_micros()])
        };
        let rows = serde_json::Value::from(beats.iter().map(row).collect::<Vec<_>>()).to_string();
        sqlx::query(WRITE).bind(rows).execute(&mut **self).await?;
        Ok(())
    }
}

impl DirectoryTx for Transaction<'_, Postgres> {
    async fn tell_of_events(&mut self) -> StoreResult<()> {
        const TELL: &str = "SELECT pg_notify($1, '')";
        sqlx::query(TELL).bind(directory_news::CHANNEL).execute(&mut **self).await?;
        Ok(())
    }

    async fn write_beats(&mut self, beats: &[BeatRow]) -> StoreResult<()> {
        // In one order, or two replicas would wait for each other.
        const LOCK: &str =
            "SELECT 1 FROM instance_beats WHERE instance_id = ANY($1) ORDER BY instance_id FOR UPDATE";
        const WRITE: &str = "UPDATE instance_beats SET renewed_at = GREATEST(renewed_at, b.renewed), \
             seen_at = GREATEST(seen_at, b.seen) FROM UNNEST($1::text[], $2::bigint[], $3::bigint[]) \
             AS b (id, renewed, seen) WHERE instance_id = b.id";
        let ids: Vec<&str> = beats.iter().map(|beat| beat.instance_id.as_str()).collect();
        sqlx::query(LOCK).bind(&ids).execute(&mut **self).await?;
        sqlx::query(WRITE)
            .bind(&ids)
            .bind(beats.iter().map(|beat| beat.renewed_at.as_micros()).collect::<Vec<_>>())
            .bind(beats.iter().map(|beat| beat.seen_at.as_micros()).collect::<Vec<_>>())
            .execute(&mut **self)
            .await?;
        Ok(())
    }
}
