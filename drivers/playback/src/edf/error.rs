/// Why a file is refused as EDF or BDF.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EdfError {
    /// The first 8 bytes are neither EDF's nor BDF's.
    #[error("cannot read the version at byte 0: neither \"0       \" (EDF) nor \"\\xffBIOSEMI\" (BDF)")]
    Version,
    /// The file ends within its header.
    #[error("cannot read the header: it takes {needed} bytes, the file has {bytes}")]
    HeaderCut {
        /// What the header takes.
        needed: u64,
        /// The file's length.
        bytes: u64,
    },
    /// A field of the header makes no sense.
    #[error("cannot read {field} at byte {offset}: \"{value}\" is not {expected}")]
    Field {
        /// Which, with the signal's number from 0 and its label where it belongs to one.
        field: String,
        /// Where it starts in the file.
        offset: u64,
        /// What stands there.
        value: String,
        /// What may stand there.
        expected: String,
    },
    /// Not even one data record is complete.
    #[error(
        "cannot read the data records: one takes {record_bytes} bytes, the file has {data_bytes} \
         from byte {offset} on"
    )]
    NoRecord {
        /// A record's length.
        record_bytes: u64,
        /// What follows the header.
        data_bytes: u64,
        /// The header's length.
        offset: u64,
    },
    /// A discontinuous file does not say when a data record starts.
    #[error(
        "cannot place data record {record}: no time at byte {offset}, where a discontinuous file must have one"
    )]
    RecordTime {
        /// From 0.
        record: u64,
        /// Where its time should stand.
        offset: u64,
    },
    /// A discontinuous file's records overlap or run backwards.
    #[error(
        "cannot place data record {record} at byte {offset}: it starts at {onset_s} s, \
         the record before it ends at {before_s} s"
    )]
    RecordOrder {
        /// From 0.
        record: u64,
        /// Where its time stands.
        offset: u64,
        /// Seconds from the header's start time.
        onset_s: f64,
        /// Seconds from the header's start time.
        before_s: f64,
    },
    /// More annotations than [`super::MAX_ANNOTATIONS`].
    #[error("cannot hold the annotations: more than {limit} by byte {offset}")]
    Annotations {
        /// How many may be.
        limit: usize,
        /// How far the file was read.
        offset: u64,
    },
}
