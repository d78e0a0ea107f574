//! How much one page may hold: a page that is opened on a phone at night is there at once.

/// Room for texts on a page, in bytes as they are written there.
#[derive(Debug)]
pub(super) struct Room(usize);

impl Room {
    /// Room for so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Room(bytes)
    }

    /// Takes room for so many bytes; `false`: there is not enough.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let left = self.0.checked_sub(bytes);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// How long a text is in a page, in bytes: what HTML has its own use for is longer there.
pub(super) fn escaped_length(text: &str) -> usize {
    let length = |letter: char| match letter {
        '<' | '>' => 4,
        '&' => 5,
        '"' | '\'' | '/' => 6,
        letter => letter.len_utf8(),
    };
    text.chars().map(length).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_until_there_is_none() {
        let mut room = Room::new(10);
        assert!(room.take(6));
        assert!(!room.take(5));
        assert!(room.take(4));
        assert!(!room.take(1));
    }

    #[test]
    fn what_is_escaped_is_longer() {
        let written = |text: &str| {
            let mut environment = minijinja::Environment::new();
            environment.add_template("one.html", "{{ text }}").unwrap();
            let page = environment.get_template("one.html").unwrap();
            page.render(minijinja::context! { text }).unwrap()
        };
        for text in ["", "plain", "<a href=\"/x\">'&'</a>", "ünïcode → 日本"] {
            assert_eq!(escaped_length(text), written(text).len(), "{text}");
        }
    }
}
