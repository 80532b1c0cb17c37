//! Ids that are different in every run.

/// Numbers ids that look random by their first appearance, so that they are the same in every run.
#[derive(Debug, Default)]
pub(in crate::history) struct RandomIds(Vec<String>);

impl RandomIds {
    /// The text with every UUID replaced by `<id 1>`, `<id 2>`…
    pub(in crate::history) fn number(&mut self, text: &str) -> String {
        let mut numbered = String::new();
        let mut rest = text;
        while let Some(at) = find_uuid(rest) {
            let (before, found) = rest.split_at(at);
            let (id, after) = found.split_at(UUID_SHAPE.len());
            let number = self.0.iter().position(|known| known == id).unwrap_or_else(|| {
                self.0.push(id.to_owned());
                self.0.len() - 1
            });
            numbered += &format!("{before}<id {}>", number + 1);
            rest = after;
        }
        numbered + rest
    }
}

const UUID_SHAPE: &[u8] = b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

fn find_uuid(text: &str) -> Option<usize> {
    text.as_bytes().windows(UUID_SHAPE.len()).position(|window| {
        window.iter().zip(UUID_SHAPE).all(|(byte, shape)| match shape {
            b'-' => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    })
}
