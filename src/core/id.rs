//! Identifiers. All are UUIDs of version 7, so that they sort by the time of their making.

use super::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue};
use rand::Rng as _;
use serde::{Deserialize, Serialize, Serializer};
use std::{fmt, str::FromStr};
use uuid::{Builder, Uuid, fmt::Hyphenated};

fn uuid_v7(now: Timestamp) -> Uuid {
    let mut random = [0u8; 10];
    rand::rng().fill_bytes(&mut random);
    let millis = u64::try_from(now.as_micros() / 1_000).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(Uuid);

        impl $name {
            pub fn new(now: Timestamp) -> Self {
                Self(uuid_v7(now))
            }

            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        /// On every request's way into the audit record, so it goes round the formatting machinery.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id! {
    /// One request as it passes through every room of the house; the client sees it as `X-Request-Id`.
    RequestId
}

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl RequestId {
    /// Puts it on a request to an upstream or on an answer, in place of one that is there.
    pub fn mark(self, headers: &mut HeaderMap) {
        let mut text = [0; Hyphenated::LENGTH];
        // Hex digits and hyphens always make a value.
        if let Ok(value) = HeaderValue::from_str(self.0.hyphenated().encode_lower(&mut text)) {
            headers.insert(&X_REQUEST_ID, value);
        }
    }
}

id!(UserId);
id!(TokenId);
id!(GrantId);
id!(SessionId);
id!(MethodId);
id!(BackupCodeId);
id!(AttemptId);
id! {
    /// A one-time link: an invitation, or the first administrator's.
    LinkId
}
id! {
    /// A login of the command line that is under way.
    CliLoginId
}
id! {
    /// A device that a person trusts.
    DeviceId
}
id!(MailId);
id! {
    /// Something told to a webhook; the receiver sees it as `Webhook-Id`.
    DeliveryId
}
id! {
    /// An upload to the embedded container registry that is under way.
    UploadId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ids_sort_later() {
        let early = RequestId::new(Timestamp::from_micros(1_000_000));
        let late = RequestId::new(Timestamp::from_micros(2_000_000));
        assert!(early < late);
        assert_eq!(early.to_string().parse::<RequestId>().unwrap(), early);
    }
}
