//! Which call a request is, for each kind of upstream, and what that call demands. A request that no catalogue
//! lists is not a call, and is refused.

pub mod convox;
