//! Small ELF files for tests, assembled from scratch.

/// An ELF file with these headers.
#[derive(Default)]
pub(crate) struct Sample<'a> {
    pub(crate) is_32_bit: bool,
    pub(crate) interpreter: Option<&'a str>,
    pub(crate) needed: &'a [&'a str],
    pub(crate) rpath: Option<&'a str>,
    pub(crate) runpath: Option<&'a str>,
}

impl Sample<'_> {
    const ADDRESS: u64 = 0x40_0000;

    /// The smallest such file: header, three segments, strings, dynamic section.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (header, segment) = if self.is_32_bit { (52, 32) } else { (64, 56) };
        let start = header + 3 * segment;
        let mut strings = vec![0];
        let mut string = |text: &str| {
            let at = strings.len() as u64;
            strings.extend(text.bytes().chain([0]));
            at
        };
        let interpreter = self
            .interpreter
            .map_or((0, 0), |path| (string(path), path.len() as u64 + 1));
        let mut entries: Vec<(u64, u64)> =
            self.needed.iter().map(|name| (1, string(name))).collect();
        entries.extend(self.rpath.map(|path| (15, string(path))));
        entries.extend(self.runpath.map(|path| (29, string(path))));
        entries.extend([(5, Sample::ADDRESS + start), (0, 0)]);
        strings.resize(strings.len().next_multiple_of(8), 0);
        let dynamic = start + strings.len() as u64;
        let entry = if self.is_32_bit { 8 } else { 16 };
        let end = dynamic + entry * entries.len() as u64;

        let mut file = self.header(header);
        self.segment(&mut file, 1, 0, end);
        self.segment(
            &mut file,
            if self.interpreter.is_some() { 3 } else { 0 },
            start + interpreter.0,
            interpreter.1,
        );
        self.segment(&mut file, 2, dynamic, end - dynamic);
        file.extend(strings);
        for (tag, value) in entries {
            self.word(&mut file, tag);
            self.word(&mut file, value);
        }
        file
    }

    fn header(&self, size: u64) -> Vec<u8> {
        let mut file = b"\x7fELF\0\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        file[4] = if self.is_32_bit { 1 } else { 2 };
        let machine: u16 = if self.is_32_bit { 3 } else { 62 };
        file.extend([3, 0]);
        file.extend(machine.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        for word in [0, size, 0] {
            self.word(&mut file, word);
        }
        file.extend(0u32.to_le_bytes());
        let segment_size = if self.is_32_bit { 32 } else { 56 };
        for half in [size as u16, segment_size, 3, 0, 0, 0] {
            file.extend(half.to_le_bytes());
        }
        file
    }

    fn segment(&self, file: &mut Vec<u8>, kind: u32, offset: u64, size: u64) {
        file.extend(kind.to_le_bytes());
        if !self.is_32_bit {
            file.extend(4u32.to_le_bytes());
        }
        for word in [offset, Sample::ADDRESS + offset, 0, size, size] {
            self.word(file, word);
        }
        if self.is_32_bit {
            file.extend(4u32.to_le_bytes());
        }
        self.word(file, 1);
    }

    fn word(&self, file: &mut Vec<u8>, word: u64) {
        file.extend(&word.to_le_bytes()[..if self.is_32_bit { 4 } else { 8 }]);
    }
}
