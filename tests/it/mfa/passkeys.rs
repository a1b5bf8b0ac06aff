//! Passkeys as a second factor and as a login of their own.

use super::{NOW, ORIGIN, World, later, world::assertion};
use crate::support::{
    database::{TestDb, each},
    security_key::SecurityKey,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rack_gateway::{
    core::Secret,
    identity::{
        Principal, Proof,
        mfa::{MfaError, PasskeyLogin},
    },
    store::Grounds,
};
use serde_json::json;
use webauthn_authenticator_rs::{WebauthnAuthenticator as _, softpasskey::SoftPasskey};

#[tokio::test]
async fn another_implementation_registers_and_proves() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let who = world.person("ada@example.com").await;
        let mut soft = SoftPasskey::new(true);
        let origin: url::Url = ORIGIN.parse().unwrap();
        let started = world.mfa.start_webauthn(&who, NOW).await.unwrap();
        assert_eq!(started.options["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(started.options["authenticatorSelection"]["residentKey"], "preferred");
        let options = serde_json::from_value(json!({ "publicKey": started.options })).unwrap();
        let credential = soft.do_registration(origin.clone(), options).unwrap();
        let enrolled = world
            .mfa
            .confirm_webauthn(&who, &started.handle, &credential, "Soft", Grounds::First, NOW)
            .await
            .unwrap();
        assert_eq!(enrolled.backup_codes.unwrap().len(), 10);

        for round in 1..4 {
            let started = world.mfa.start_assertion(&who, later(round)).await.unwrap();
            assert_eq!(started.options["userVerification"], "required");
            let options = serde_json::from_value(json!({ "publicKey": started.options })).unwrap();
            let answer = soft.do_authentication(origin.clone(), options).unwrap();
            let answer = serde_json::to_value(answer).unwrap();
            let packed =
                json!({ "session_data": started.handle.expose(), "assertion_response": answer }).to_string();
            let proof = Proof::WebAuthn(Secret::new(STANDARD.encode(packed)));
            let proven = world.mfa.verify(&who, &proof, super::IP, later(round)).await.unwrap();
            assert_eq!((proven.at, proven.by), (later(round), "webauthn"));
        }
    })
    .await;
}

async fn log_in(world: &World, key: &SecurityKey) -> Result<PasskeyLogin, MfaError> {
    let started = world.mfa.start_passkey_login(NOW).await?;
    assert_eq!(started.options["allowCredentials"], json!([]), "names nobody");
    let answer = serde_json::from_value(key.answer(&started.options)).unwrap();
    world.mfa.finish_passkey_login(&started.handle, &answer, NOW).await
}

#[tokio::test]
async fn a_passkey_logs_its_owner_in_without_a_name() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (ada, mut key) = world.person_with_key("ada@example.com").await;
        world.person_with_key("bob@example.com").await;
        let login = log_in(&world, &key).await.unwrap();
        assert_eq!((login.user.id, &*login.user.email), (ada.user.id, "ada@example.com"));
        key.claims.counter += 1;
        db.set_user_lock("ada@example.com", Some((NOW, "left us"))).await.unwrap();
        let barred = log_in(&world, &key).await.unwrap_err();
        assert_eq!(barred.to_string(), "the account is locked; ask an administrator");
    })
    .await;
}

/// CVE-2025-6011, CVE-2025-54999: what is refused looks the same, whether the credential exists or not.
#[tokio::test]
async fn cve_unknown_credentials_look_like_wrong_signatures() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (ada, mut key) = world.person_with_key("ada@example.com").await;
        let (bob, _) = world.person_with_key("bob@example.com").await;
        let handle = |who: &Principal| Some(who.user.id.as_uuid().as_bytes().to_vec());

        let mut unknown = SecurityKey::new(ORIGIN, "gateway.example.com");
        unknown.claims.user_handle = handle(&ada);
        let mut forged = SecurityKey::new(ORIGIN, "gateway.example.com");
        forged.id.clone_from(&key.id);
        forged.claims.user_handle = handle(&ada);
        let mut texts = Vec::new();
        for stranger in [&unknown, &forged] {
            let begun = std::time::Instant::now();
            let error = log_in(&world, stranger).await.unwrap_err();
            assert!(begun.elapsed().as_millis() >= 150, "answered too soon: {:?}", begun.elapsed());
            assert!(matches!(error, MfaError::Wrong), "{error:?}");
            texts.push(error.to_string());
        }
        assert_eq!(texts[0], texts[1]);

        key.claims.user_handle = handle(&bob);
        assert!(matches!(log_in(&world, &key).await, Err(MfaError::Wrong)), "says that it is Bob");
        key.claims.user_handle = None;
        assert!(matches!(log_in(&world, &key).await, Err(MfaError::Wrong)), "says nobody");
        key.claims.user_handle = handle(&ada);
        assert!(log_in(&world, &key).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn cve_ceremonies_of_one_kind_do_not_pass_for_another() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (who, key) = world.person_with_key("ada@example.com").await;
        let login = world.mfa.start_passkey_login(NOW).await.unwrap();
        let proof = assertion(&login.handle, &key.answer(&login.options));
        let result = world.mfa.verify_assertion(&who, &proof, super::IP, NOW).await;
        assert!(matches!(result, Err(MfaError::Over)), "{result:?}");

        let started = world.mfa.start_assertion(&who, NOW).await.unwrap();
        let answer = serde_json::from_value(key.answer(&started.options)).unwrap();
        let result = world.mfa.finish_passkey_login(&started.handle, &answer, NOW).await;
        assert!(matches!(result, Err(MfaError::Over)), "{result:?}");
    })
    .await;
}
