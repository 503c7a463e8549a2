//! Writes EDF and BDF files with the content a test wants.
#![allow(dead_code, reason = "each test binary uses a part")]

/// One signal as its header describes it.
#[derive(Clone, Debug)]
pub(crate) struct Signal {
    pub(crate) label: String,
    pub(crate) unit: String,
    /// Physical minimum and maximum, digital minimum and maximum, as text.
    pub(crate) range: [String; 4],
    pub(crate) samples: usize,
}

impl Signal {
    /// A voltage in uV with values equal to the digital ones.
    pub(crate) fn volts(label: &str, samples: usize) -> Self {
        let range = ["-32768", "32767", "-32768", "32767"].map(str::to_owned);
        Self { label: label.into(), unit: "uV".into(), range, samples }
    }

    /// An annotation signal of 2 x `samples` bytes a record in EDF, 3 x in BDF.
    pub(crate) fn annotations(label: &str, samples: usize) -> Self {
        Self { unit: String::new(), ..Self::volts(label, samples) }
    }
}

/// A file; each record has one block of bytes a signal, padded with zeros to its length.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) bdf: bool,
    pub(crate) reserved: String,
    pub(crate) recording_id: String,
    pub(crate) date: String,
    pub(crate) time: String,
    pub(crate) declared_records: Option<i64>,
    pub(crate) record_s: String,
    pub(crate) signals: Vec<Signal>,
    pub(crate) records: Vec<Vec<Vec<u8>>>,
}

impl File {
    pub(crate) fn new(reserved: &str, record_s: &str, signals: &[Signal]) -> Self {
        Self {
            bdf: false,
            reserved: reserved.into(),
            recording_id: "Startdate X X X X".into(),
            date: "24.01.20".into(),
            time: "04.05.56".into(),
            declared_records: None,
            record_s: record_s.into(),
            signals: signals.to_vec(),
            records: Vec::new(),
        }
    }

    /// Appends a data record.
    #[must_use]
    pub(crate) fn record(mut self, blocks: &[&[u8]]) -> Self {
        self.records.push(blocks.iter().map(|b| b.to_vec()).collect());
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut put = |text: &str, wide: usize| {
            assert!(text.len() <= wide, "{text}");
            out.extend_from_slice(format!("{text:<wide$}").as_bytes());
        };
        let count = self.signals.len();
        put(if self.bdf { "?BIOSEMI" } else { "0" }, 8);
        put("X X X X", 80);
        put(&self.recording_id, 80);
        put(&self.date, 8);
        put(&self.time, 8);
        put(&(256 * (count + 1)).to_string(), 8);
        put(&self.reserved, 44);
        put(&self.declared_records.unwrap_or(self.records.len() as i64).to_string(), 8);
        put(&self.record_s, 8);
        put(&count.to_string(), 4);
        let each = |put: &mut dyn FnMut(&str, usize), wide, field: &dyn Fn(&Signal) -> String| {
            for s in &self.signals {
                put(&field(s), wide);
            }
        };
        each(&mut put, 16, &|s| s.label.clone());
        each(&mut put, 80, &|_| String::new());
        each(&mut put, 8, &|s| s.unit.clone());
        for i in 0..4 {
            each(&mut put, 8, &|s| s.range[i].clone());
        }
        each(&mut put, 80, &|_| String::new());
        each(&mut put, 8, &|s| s.samples.to_string());
        each(&mut put, 32, &|_| String::new());
        if self.bdf {
            out[0] = 0xff;
        }
        let width = if self.bdf { 3 } else { 2 };
        for record in &self.records {
            assert_eq!(record.len(), count);
            for (block, signal) in record.iter().zip(&self.signals) {
                assert!(block.len() <= width * signal.samples, "{} overflows", signal.label);
                out.extend_from_slice(block);
                out.resize(out.len() + width * signal.samples - block.len(), 0);
            }
        }
        out
    }
}

/// Digital values as EDF stores them.
pub(crate) fn i16s(values: impl IntoIterator<Item = i16>) -> Vec<u8> {
    values.into_iter().flat_map(i16::to_le_bytes).collect()
}

/// Two EEG channels counting up from `0` and `-0`: frame `n` is `[n, -n]`. Records of `per_record` frames and
/// `record_s` seconds, at the given onsets, with the annotations given as TALs beside a record.
pub(crate) fn counting(reserved: &str, record_s: &str, per_record: usize, records: &[(&str, &str)]) -> File {
    let signals = [
        Signal::volts("C3", per_record),
        Signal::annotations("EDF Annotations", 60),
        Signal::volts("C4", per_record),
    ];
    let mut file = File::new(reserved, record_s, &signals);
    for (r, (onset, tals)) in records.iter().enumerate() {
        let up = (r * per_record..(r + 1) * per_record).map(|n| n as i16);
        let notes = format!("{onset}\x14\x14\0{tals}");
        file = file.record(&[&i16s(up.clone()), notes.as_bytes(), &i16s(up.map(|n| -n))]);
    }
    file
}
