//! How our own small types look in a schema.

use crate::core::{
    Timestamp,
    id::{CliLoginId, DeviceId, GrantId, LinkId, MethodId, SessionId, TokenId, UserId},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

macro_rules! text {
    ($($name:ident $format:literal;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let format = SchemaFormat::Custom($format.to_owned());
                ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

text! {
    Timestamp "date-time";
    CliLoginId "uuid";
    DeviceId "uuid";
    GrantId "uuid";
    LinkId "uuid";
    MethodId "uuid";
    SessionId "uuid";
    TokenId "uuid";
    UserId "uuid";
}
