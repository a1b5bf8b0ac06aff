//! Checkpoints prove that the client has read everything sent so far.
//!
//! The gateway sends a ping with a payload nobody else can guess. Clients answer pings from their read loop, in
//! order, so the matching pong says: whatever was written before the ping has left the client's read buffer.
//! The pong is the gateway's own and is not passed on.

use super::frame::{Header, Opcode, server_frame, unmask};

const SECRET: usize = 8;
const PAYLOAD: usize = SECRET + size_of::<u32>();

pub struct Checkpoints {
    secret: [u8; SECRET],
    sent: u32,
    passed: u32,
}

impl Checkpoints {
    pub fn new() -> Self {
        Self { secret: rand::random(), sent: 0, passed: 0 }
    }

    /// A ping to send to the client; [`Self::reached`] tells when its pong has come.
    pub fn next_ping(&mut self) -> Vec<u8> {
        self.sent = self.sent.wrapping_add(1);
        let mut payload = self.secret.to_vec();
        payload.extend_from_slice(&self.sent.to_be_bytes());
        server_frame(Opcode::Ping, &payload)
    }

    /// True when the client has answered the newest ping.
    pub fn reached(&self) -> bool {
        self.passed == self.sent
    }

    /// Notes a client frame if it answers one of our pings, also one no longer waited for. False: not ours.
    pub fn claim(&mut self, header: &Header, payload: &[u8]) -> bool {
        let Some(number) = self.number(header, payload) else { return false };
        if number == self.sent {
            self.passed = number;
        }
        true
    }

    fn number(&self, header: &Header, payload: &[u8]) -> Option<u32> {
        if self.sent == 0 || header.opcode != Opcode::Pong {
            return None;
        }
        let mut payload: [u8; PAYLOAD] = payload.try_into().ok()?;
        unmask(&mut payload, header.mask?);
        let number = payload.strip_prefix(self.secret.as_slice())?;
        Some(u32::from_be_bytes(number.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Peer;
    use super::*;

    /// The pong a client sends for `ping`: same payload, masked.
    fn pong_for(ping: &[u8]) -> Vec<u8> {
        let mask = [9, 8, 7, 6];
        let mut payload = ping[2..].to_vec();
        unmask(&mut payload, mask);
        [&[0x8A, 0x80 | payload.len() as u8][..], &mask, &payload].concat()
    }

    fn claim(checkpoints: &mut Checkpoints, frame: &[u8]) -> bool {
        let header = Header::parse(frame, Peer::Client).unwrap().unwrap();
        checkpoints.claim(&header, &frame[header.header_len..])
    }

    #[test]
    fn the_matching_pong_is_ours_and_reaches_the_checkpoint() {
        let mut checkpoints = Checkpoints::new();
        let ping = checkpoints.next_ping();
        assert!(!checkpoints.reached());
        assert!(claim(&mut checkpoints, &pong_for(&ping)));
        assert!(checkpoints.reached());
    }

    #[test]
    fn a_late_pong_is_swallowed_but_proves_nothing() {
        let mut checkpoints = Checkpoints::new();
        let late = checkpoints.next_ping();
        let newest = checkpoints.next_ping();
        assert!(claim(&mut checkpoints, &pong_for(&late)));
        assert!(!checkpoints.reached());
        assert!(claim(&mut checkpoints, &pong_for(&newest)));
        assert!(checkpoints.reached());
    }

    #[test]
    fn other_frames_are_not_ours() {
        let mut checkpoints = Checkpoints::new();
        assert!(!claim(&mut checkpoints, &pong_for(&[0x89, 0])), "before any ping");
        let ping = checkpoints.next_ping();
        assert!(!claim(&mut checkpoints, &pong_for(&[0x89, 0])), "a pong for somebody else");
        let strange = server_frame(Opcode::Pong, b"twelve bytes");
        assert!(!claim(&mut checkpoints, &pong_for(&strange)));
        let mut text = pong_for(&ping);
        text[0] = 0x81;
        assert!(!claim(&mut checkpoints, &text), "the payload in a text frame");
        assert!(!checkpoints.reached());
    }
}
