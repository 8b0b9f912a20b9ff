//! Standard output and error in one stream, as the engine sends them: in frames with a header each, or unframed from a
//! terminal.

use bytes::{Buf, BytesMut};

use super::super::{Chunk, EngineError, EngineResult, Fault};

/// The header of a frame: the stream's number, three zeros, and the length.
const HEAD: usize = 8;
const STDERR: u8 = 2;

/// The longest frame that is accepted, and the longest line of an unframed log. Engines send less than 64 KiB at once.
const LONGEST: usize = 1024 * 1024;

/// Received bytes that are split into frames.
#[derive(Default)]
pub(super) struct Frames {
    buffer: BytesMut,
}

impl Frames {
    /// The buffer to append received bytes to.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next frame, if it is complete.
    pub(super) fn take(&mut self) -> EngineResult<Option<Chunk>> {
        let Some(head) = self.buffer.get(..HEAD) else {
            return Ok(None);
        };
        let (number, length) = (
            head[0],
            u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize,
        );
        if !is_head(head) || length > LONGEST {
            return Err(EngineError::new(
                Fault::Other,
                "the engine's stream is not made of frames",
            ));
        }
        if self.buffer.len() < HEAD + length {
            return Ok(None);
        }
        self.buffer.advance(HEAD);
        let bytes = self.buffer.split_to(length).freeze();
        Ok(Some(if number == STDERR {
            Chunk::Stderr(bytes)
        } else {
            Chunk::Stdout(bytes)
        }))
    }

    /// The next frame or line of a log, which has lines instead of frames if it is from a terminal.
    pub(super) fn take_of_log(&mut self, framed: &mut Option<bool>) -> EngineResult<Option<Chunk>> {
        if framed.is_none() && self.buffer.len() >= HEAD {
            *framed = Some(is_head(&self.buffer));
        }
        match framed {
            Some(true) => self.take(),
            Some(false) => Ok(self.take_line()),
            None => Ok(None),
        }
    }

    /// What remains at the end of a stream.
    pub(super) fn rest(&mut self, framed: bool) -> EngineResult<Option<Chunk>> {
        match std::mem::take(&mut self.buffer) {
            rest if rest.is_empty() => Ok(None),
            _ if framed => Err(EngineError::new(
                Fault::Other,
                "the engine's stream ended within a frame",
            )),
            rest => Ok(Some(Chunk::Stdout(rest.freeze()))),
        }
    }

    fn take_line(&mut self) -> Option<Chunk> {
        let end = self
            .buffer
            .iter()
            .take(LONGEST)
            .position(|byte| *byte == b'\n')
            .map(|end| end + 1);
        let end = end.or_else(|| (self.buffer.len() >= LONGEST).then_some(LONGEST))?;
        Some(Chunk::Stdout(self.buffer.split_to(end).freeze()))
    }
}

fn is_head(bytes: &[u8]) -> bool {
    matches!(bytes, [0..=STDERR, 0, 0, 0, ..])
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn frames(bytes: &[u8]) -> Frames {
        Frames {
            buffer: BytesMut::from(bytes),
        }
    }

    #[test]
    fn invalid_and_huge_frames_are_errors() {
        for bytes in [
            b"\x01\0\0\0\xff\xff\xff\xff",
            b"\x01\0\0\0\0\x10\0\x01",
            b"\x03\0\0\0\0\0\0\x01",
            b"HTTP/1.1",
        ] {
            assert!(frames(bytes).take().is_err(), "{bytes:?}");
        }
        assert_eq!(frames(b"\x01\0\0\0\0\0\0").take(), Ok(None));
    }

    #[test]
    fn a_terminal_log_is_split_into_lines() {
        let (mut log, mut framed) = (frames(b"one\ntwo\nthree"), None);
        let mut lines = Vec::new();
        while let Some(line) = log.take_of_log(&mut framed).unwrap() {
            lines.push(line);
        }
        lines.extend(log.rest(framed == Some(true)).unwrap());
        assert_eq!(
            lines,
            ["one\n", "two\n", "three"].map(|line| Chunk::Stdout(Bytes::from(line)))
        );
    }

    #[test]
    fn an_endless_line_arrives_in_pieces() {
        let mut log = frames(&vec![b'a'; LONGEST + 1]);
        assert_eq!(
            log.take_line(),
            Some(Chunk::Stdout(vec![b'a'; LONGEST].into()))
        );
        assert_eq!(log.take_line(), None);
    }
}
