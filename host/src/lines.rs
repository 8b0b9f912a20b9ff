//! Splits the output of hooks' commands and image builds into lines as it arrives, and long lines into several.

/// The longest line. Longer ones are split.
const LONGEST: usize = 64 * 1024;

/// Splits output into lines.
#[derive(Default)]
pub(crate) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Takes a piece, and calls `line` for each line that it completes.
    pub(crate) fn push(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if part.ends_with(b"\n") || self.rest.len() > LONGEST {
                emit(&mut self.rest, &mut line);
            }
        }
    }

    /// Calls `line` for a last line without an end.
    pub(crate) fn finish(mut self, mut line: impl FnMut(&str)) {
        if !self.rest.is_empty() {
            emit(&mut self.rest, &mut line);
        }
    }
}

fn emit(rest: &mut Vec<u8>, line: &mut impl FnMut(&str)) {
    line(String::from_utf8_lossy(rest).trim_end_matches(['\n', '\r']));
    rest.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut cut) = (Lines::default(), Vec::new());
        pieces
            .iter()
            .for_each(|piece| lines.push(piece, |line| cut.push(line.to_string())));
        lines.finish(|line| cut.push(line.to_string()));
        cut
    }

    #[test]
    fn pieces_become_lines() {
        assert_eq!(
            cut(&[b"on", b"e\r\ntwo\n\nth", b"ree"]),
            ["one", "two", "", "three"]
        );
    }

    #[test]
    fn output_without_line_ends_is_split_in_linear_time() {
        let piece = vec![b'x'; 4096];
        let cut = cut(&vec![&piece[..]; 8192]);
        assert_eq!(cut.iter().map(String::len).sum::<usize>(), 32 << 20);
        assert!(cut.iter().all(|line| line.len() <= LONGEST + 4096));
    }
}
