//! The person's browser.

use super::say;
use crate::{cli::client::url, config::Env};

/// Whether a window can be seen. Over SSH without a display, it cannot.
pub fn is_there(env: &dyn Env) -> bool {
    let set = |name: &str| env.get(name).is_some_and(|value| !value.is_empty());
    if cfg!(any(target_os = "macos", windows)) {
        return !set("SSH_CONNECTION");
    }
    set("DISPLAY") || set("WAYLAND_DISPLAY") || set("WSL_DISTRO_NAME")
}

/// Opens an address that a gateway sent, if it is one of a website. Tells the person the address in any case.
pub fn open(address: &str) {
    say(&format!("Opening {address}"));
    let Some(page) = url::page(address) else {
        say("That is not the address of a page, so it is not opened.");
        return;
    };
    if open::that_detached(page.as_str()).is_err() {
        say("The browser did not open; open that address yourself, on this machine.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MapEnv;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_browser_needs_a_display() {
        assert!(!is_there(&MapEnv::default()));
        assert!(!is_there(&MapEnv::from([("DISPLAY", "")])));
        assert!(is_there(&MapEnv::from([("DISPLAY", ":0")])));
        assert!(is_there(&MapEnv::from([("WAYLAND_DISPLAY", "wayland-0")])));
    }
}
