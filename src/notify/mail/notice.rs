//! What people are told, and in which words. Subjects hold no facts; in the body each fact stands on a line of its own.

use crate::core::{PublicUrl, Timestamp};
use std::{fmt::Write as _, net::IpAddr};

/// Facts come as they are known; they are made harmless here.
#[derive(Clone, Copy, Debug)]
pub enum Notice<'a> {
    /// A login from a device that the person had not used before.
    NewDevice {
        device: &'a str,
        ip: IpAddr,
        user_agent: &'a str,
    },
    Locked {
        reason: &'a str,
    },
    /// Instead of a lock, where that would leave nobody to undo it.
    Held {
        reason: &'a str,
    },
    TokenCreated {
        name: &'a str,
        by: &'a str,
        expires_at: Option<Timestamp>,
    },
    RoleGranted {
        role: &'a str,
        target: &'a str,
        by: &'a str,
    },
    RoleTaken {
        role: &'a str,
        target: &'a str,
        by: &'a str,
    },
}

/// Characters of one fact.
const LONGEST_FACT: usize = 200;

impl Notice<'_> {
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NewDevice { .. } => "new_device",
            Self::Locked { .. } => "locked",
            Self::Held { .. } => "held",
            Self::TokenCreated { .. } => "token_created",
            Self::RoleGranted { .. } => "role_granted",
            Self::RoleTaken { .. } => "role_taken",
        }
    }

    pub const fn subject(&self) -> &'static str {
        match self {
            Self::NewDevice { .. } => "Rack Gateway: login from a new device",
            Self::Locked { .. } => "Rack Gateway: your account was locked",
            Self::Held { .. } => "Rack Gateway: your sessions were ended",
            Self::TokenCreated { .. } => "Rack Gateway: a new API token of yours",
            Self::RoleGranted { .. } => "Rack Gateway: you were given a role",
            Self::RoleTaken { .. } => "Rack Gateway: a role was taken from you",
        }
    }

    pub fn body(&self, gateway: &PublicUrl, at: Timestamp) -> String {
        let mut body = format!("{}\n\n", self.sentence());
        let mut fact = |name: &str, value: &str| {
            let _ = writeln!(body, "  {name}: {}", plain(value));
        };
        fact("Gateway", gateway.origin());
        fact("Time", &at.to_string());
        for (name, value) in self.facts() {
            fact(name, &value);
        }
        let _ = write!(body, "\n{}\n", self.advice(gateway));
        body
    }

    const fn sentence(&self) -> &'static str {
        match self {
            Self::NewDevice { .. } => "Somebody logged in as you from a device that you had not used before.",
            Self::Locked { .. } => "Your account was locked. Your sessions and tokens do not work any more.",
            Self::Held { .. } => {
                "Somebody in one of your sessions tried wrong codes. All your sessions were ended."
            }
            Self::TokenCreated { .. } => "An API token that acts for you was created.",
            Self::RoleGranted { .. } => "You were given a role.",
            Self::RoleTaken { .. } => "A role was taken from you.",
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        match *self {
            Self::NewDevice { device, ip, user_agent } => vec![
                ("Device", device.to_owned()),
                ("Address", ip.to_string()),
                ("Program", user_agent.to_owned()),
            ],
            Self::Locked { reason } | Self::Held { reason } => vec![("Reason", reason.to_owned())],
            Self::TokenCreated { name, by, expires_at } => {
                let ends = expires_at.map_or_else(|| "when it is revoked".to_owned(), |at| at.to_string());
                vec![("Token", name.to_owned()), ("Created by", by.to_owned()), ("Ends", ends)]
            }
            Self::RoleGranted { role, target, by } | Self::RoleTaken { role, target, by } => {
                vec![("Role", role.to_owned()), ("On", target.to_owned()), ("By", by.to_owned())]
            }
        }
    }

    fn advice(&self, gateway: &PublicUrl) -> String {
        match self {
            Self::NewDevice { .. } | Self::Held { .. } | Self::TokenCreated { .. } => format!(
                "If that was not you, end it at {} and tell your administrator.",
                gateway.join("/app/account/security")
            ),
            Self::Locked { .. } | Self::RoleGranted { .. } | Self::RoleTaken { .. } => {
                "Your administrator can tell you more.".to_owned()
            }
        }
    }
}

/// One line without anything that steers a screen, and not too long.
fn plain(text: &str) -> String {
    let harmless = |character: char| match character {
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => ' ',
        control if control.is_control() => ' ',
        other => other,
    };
    let cut: String = text.trim().chars().take(LONGEST_FACT).map(harmless).collect();
    if cut.is_empty() { "(not told)".to_owned() } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_micros(1_769_860_800_000_000);

    fn body(notice: &Notice<'_>) -> String {
        notice.body(&PublicUrl::of_domain("gateway.example.com"), AT)
    }

    #[test]
    fn a_mail_reads_like_this() {
        let notice =
            Notice::NewDevice { device: "laptop", ip: [192, 0, 2, 7].into(), user_agent: "rack-gateway/1.0" };
        assert_eq!(
            body(&notice),
            "Somebody logged in as you from a device that you had not used before.\n\n  \
             Gateway: https://gateway.example.com\n  Time: 2026-01-31T12:00:00.000000Z\n  Device: laptop\n  \
             Address: 192.0.2.7\n  Program: rack-gateway/1.0\n\n\
             If that was not you, end it at https://gateway.example.com/app/account/security and tell your \
             administrator.\n"
        );
    }

    #[test]
    fn facts_stay_on_their_line() {
        let hostile = "x\r\n.\r\nRCPT TO:<eve@example.com>\r\nBcc: eve@example.com\u{1b}[2J\u{202e}\u{2028}";
        let long = hostile.repeat(50);
        for notice in [
            Notice::NewDevice { device: &long, ip: [127, 0, 0, 1].into(), user_agent: hostile },
            Notice::Locked { reason: hostile },
            Notice::Held { reason: hostile },
            Notice::TokenCreated { name: hostile, by: hostile, expires_at: Some(AT) },
            Notice::RoleGranted { role: hostile, target: hostile, by: hostile },
            Notice::RoleTaken { role: hostile, target: hostile, by: hostile },
        ] {
            let body = body(&notice);
            let harmless =
                |character: char| character == '\n' || (!character.is_control() && character != '\u{202e}');
            assert!(body.chars().all(harmless), "{body:?}");
            assert!(body.lines().all(|line| !line.starts_with('.') && !line.starts_with("Bcc")), "{body}");
            assert!(body.lines().all(|line| line.chars().count() < 300), "{body}");
            assert!(!notice.subject().contains("eve"), "{}", notice.subject());
        }
        assert!(body(&Notice::Locked { reason: " " }).contains("Reason: (not told)"));
    }
}
