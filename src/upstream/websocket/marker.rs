//! The exit marker: how a rack tells the stock client a command's exit code.
//!
//! A text frame `F1E49A85-0AD7-4AEF-A618-C249C6E6568D:<code>\n`, sent just before the end of the stream. Clients
//! look for it in single reads, so it must reach them whole and alone; without it they report success.

use super::frame::{Header, Opcode, server_frame};

const PREFIX: &[u8] = b"F1E49A85-0AD7-4AEF-A618-C249C6E6568D:";

/// True when this frame of a rack's output carries the exit marker.
pub fn is_marker(header: &Header, payload: &[u8]) -> bool {
    header.opcode == Opcode::Text && payload.starts_with(PREFIX)
}

/// The exit code, read as the client reads it: everything after the prefix, blanks trimmed, as a number.
pub fn exit_code(payload: &[u8]) -> Option<i32> {
    let digits = payload.strip_prefix(PREFIX)?;
    std::str::from_utf8(digits).ok()?.trim().parse().ok()
}

/// The text frame that makes the client exit with `code`.
pub fn marker_frame(code: i32) -> Vec<u8> {
    let mut payload = PREFIX.to_vec();
    payload.extend_from_slice(format!("{code}\n").as_bytes());
    server_frame(Opcode::Text, &payload)
}

#[cfg(test)]
mod tests {
    use super::super::frame::Peer;
    use super::*;

    #[test]
    fn marker_has_the_bytes_seen_on_the_wire() {
        assert_eq!(marker_frame(7), b"\x81\x27F1E49A85-0AD7-4AEF-A618-C249C6E6568D:7\n");
    }

    #[test]
    fn exit_codes_are_read_as_the_client_reads_them() {
        let code = |text: &str| exit_code(text.as_bytes());
        assert_eq!(code("F1E49A85-0AD7-4AEF-A618-C249C6E6568D:7\n"), Some(7));
        assert_eq!(code("F1E49A85-0AD7-4AEF-A618-C249C6E6568D:137"), Some(137));
        assert_eq!(code("F1E49A85-0AD7-4AEF-A618-C249C6E6568D:-1\n"), Some(-1));
        assert_eq!(code("F1E49A85-0AD7-4AEF-A618-C249C6E6568D:1\nERROR"), None);
        assert_eq!(code("F1E49A85-0AD7-4AEF-A618-C249C6E6568D:99999999999\n"), None);
        assert_eq!(code("F1E49A85-0AD7-4AEF-A618-C249C6E6568D:"), None);
        assert_eq!(exit_code(b"F1E49A85-0AD7-4AEF-A618-C249C6E6568D:\xff"), None);
        assert_eq!(code("hello"), None);
    }

    #[test]
    fn only_text_frames_that_begin_with_the_prefix_are_markers() {
        let check = |frame: &[u8]| {
            let header = Header::parse(frame, Peer::Rack).unwrap().unwrap();
            is_marker(&header, &frame[header.header_len..])
        };
        assert!(check(&marker_frame(0)));
        assert!(!check(&server_frame(Opcode::Binary, PREFIX)));
        assert!(!check(&server_frame(Opcode::Text, b"out F1E49A85-0AD7-4AEF-A618-C249C6E6568D:0\n")));
        assert!(!check(&server_frame(Opcode::Text, b"F1E49A85")));
    }
}
