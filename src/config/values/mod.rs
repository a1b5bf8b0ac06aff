//! From text to typed values. Each function's error continues the sentence that begins with the value, and
//! ends with the mend: `is not a whole number; write for example 1200`.

mod address;
mod place;
mod quantity;
mod words;

pub use address::socket_addr;
pub(super) use address::{cidr, domain};
pub(super) use place::{is_of_service, service_slug, service_url};
pub(super) use quantity::{duration, fraction, number, size};
pub(super) use words::{
    choice, email, existing_file, name, path, repository_pattern, secret, switch, text, variable_name,
};

pub(super) type Checked<T> = Result<T, String>;
