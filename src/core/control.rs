//! Characters that act on who reads a text, instead of being read.

/// Control characters, line separators, and the invisible characters that reorder or hide text.
pub fn acts_on_the_reader(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::acts_on_the_reader;

    #[test]
    fn text_is_only_read() {
        assert!(!"Größe 日本 🦀 a\u{301}\"\\".contains(acts_on_the_reader));
        for c in "\n\u{1b}\u{7f}\u{9b}\u{202e}\u{2066}\u{2028}\u{200b}\u{feff}".chars() {
            assert!(acts_on_the_reader(c), "{}", c.escape_unicode());
        }
    }
}
