//! The output of several nodes as one: each line with its node in front, and its bytes unchanged. Lines are written whole,
//! so that those of different nodes do not mix. A line that is too long to keep is written as it arrives, and broken only
//! if another node writes meanwhile.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use super::{Report, Stream};
use crate::error::Result;

/// How much of a line is kept until its end arrives.
const LONGEST: usize = 64 * 1024;

/// The common output of several nodes.
pub struct Prefixed<'a> {
    report: &'a Report,
    width: usize,
    /// The node whose line has been written without its end, by stream.
    open: [Mutex<Option<usize>>; 2],
}

/// The output of one of the nodes.
pub struct Voice<'a> {
    all: &'a Prefixed<'a>,
    number: usize,
    name: &'a str,
    /// Bytes of a line whose end has not arrived, by stream.
    begun: [Vec<u8>; 2],
}

impl<'a> Prefixed<'a> {
    /// The output of nodes with these names.
    pub fn new<'n>(report: &'a Report, names: impl IntoIterator<Item = &'n str>) -> Prefixed<'a> {
        let width = names.into_iter().map(str::len).max().unwrap_or_default();
        Prefixed {
            report,
            width,
            open: Default::default(),
        }
    }

    /// The output of a node, which `number` tells from the others.
    pub fn voice(&'a self, number: usize, name: &'a str) -> Voice<'a> {
        Voice {
            all: self,
            number,
            name,
            begun: Default::default(),
        }
    }
}

impl Voice<'_> {
    /// Takes a piece and writes the lines that it completes. Breaks once the reader has gone.
    ///
    /// # Errors
    /// The stream cannot be written.
    pub async fn push(&mut self, stream: Stream, bytes: &[u8]) -> Result<ControlFlow<()>> {
        let begun = &mut self.begun[index(stream)];
        // Only the new bytes are searched for a line end, or time would grow with the square of a line's length.
        let end = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map(|last| last + 1);
        let (ended, rest) = bytes.split_at(end.unwrap_or_default());
        let mut text = Vec::new();
        if end.is_some() {
            text.append(begun);
            text.extend_from_slice(ended);
        }
        begun.extend_from_slice(rest);
        if begun.len() > LONGEST {
            text.append(begun);
        }
        if text.is_empty() {
            Ok(ControlFlow::Continue(()))
        } else {
            self.write(stream, &text).await
        }
    }

    /// Whether the next piece begins a line.
    pub fn is_between_lines(&self, stream: Stream) -> bool {
        self.begun[index(stream)].is_empty() && *self.open(stream) != Some(self.number)
    }

    /// Writes a last line that has no end, and ends it.
    ///
    /// # Errors
    /// As those of [`push`](Voice::push).
    pub async fn finish(mut self) -> Result<ControlFlow<()>> {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if !self.is_between_lines(stream) && self.push(stream, b"\n").await?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn write(&self, stream: Stream, text: &[u8]) -> Result<ControlFlow<()>> {
        // Waits before taking the lock, since no other node may write between the check and the write.
        self.all.report.lane(stream).room().await;
        let mut open = self.open(stream);
        let mut lines = Vec::with_capacity(text.len() * 2);
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            if *open != Some(self.number) {
                if open.is_some() {
                    lines.push(b'\n');
                }
                lines.extend_from_slice(
                    format!("{:<width$} | ", self.name, width = self.all.width).as_bytes(),
                );
            }
            lines.extend_from_slice(line);
            *open = (!line.ends_with(b"\n")).then_some(self.number);
        }
        self.all.report.write(stream, &lines);
        drop(open);
        self.all.report.written(stream)
    }

    fn open(&self, stream: Stream) -> std::sync::MutexGuard<'_, Option<usize>> {
        self.all.open[index(stream)]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn index(stream: Stream) -> usize {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::super::tests::Recording;
    use super::*;

    /// What two nodes' pieces on standard output look like.
    fn shown(pieces: &[(usize, &[u8])]) -> Vec<u8> {
        let recording = Recording::plainly();
        let all = Prefixed::new(&recording.report, ["a", "bc"]);
        let mut voices = [all.voice(0, "a"), all.voice(1, "bc")];
        for (node, bytes) in pieces {
            let pushed = voices[*node]
                .push(Stream::Stdout, bytes)
                .now_or_never()
                .unwrap()
                .unwrap();
            assert!(pushed.is_continue());
        }
        for voice in voices {
            assert!(
                voice
                    .finish()
                    .now_or_never()
                    .unwrap()
                    .unwrap()
                    .is_continue()
            );
        }
        recording.stdout.bytes()
    }

    #[test]
    fn lines_are_whole_and_have_their_node_in_front() {
        assert_eq!(
            shown(&[(0, b"on"), (1, b"two\nthr"), (0, b"e\n"), (1, b"ee\n")]),
            b"bc | two\na  | one\nbc | three\n"
        );
    }

    #[test]
    fn bytes_are_as_they_were() {
        assert_eq!(
            shown(&[(0, b"\xff\xfe\x00\r\n\n \r"), (1, "\u{e9}".as_bytes())]),
            b"a  | \xff\xfe\x00\r\na  | \na  |  \r\nbc | \xc3\xa9\n"
        );
    }

    #[test]
    fn an_overlong_line_is_written_as_it_arrives() {
        let long = vec![b'x'; 3 * LONGEST];
        let alone = shown(&[(0, &long), (0, &long), (0, b"y\nz\n")]);
        assert_eq!(alone, [b"a  | ", &long[..], &long, b"y\na  | z\n"].concat());
        let broken = shown(&[(0, &long), (1, b"w\n"), (0, &long)]);
        assert_eq!(
            broken,
            [b"a  | ", &long[..], b"\nbc | w\na  | ", &long, b"\n"].concat()
        );
    }

    #[test]
    fn output_without_line_ends_takes_linear_time() {
        let piece = vec![b'x'; 4096];
        let pieces: Vec<(usize, &[u8])> =
            (0..8192).map(|number| (number % 2, &piece[..])).collect();
        assert_eq!(
            shown(&pieces).iter().filter(|byte| **byte == b'x').count(),
            32 << 20
        );
    }
}
