/// Why a file is refused as GDF.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GdfError {
    /// The version is none that is read.
    #[error("its version is {0:?}, must be 1 or 2")]
    Version(
        /// As written.
        String,
    ),
    /// The file ends within its header.
    #[error("the header takes {needed} bytes, the file has {bytes}")]
    HeaderCut {
        /// What the header takes.
        needed: u64,
        /// The file's length.
        bytes: u64,
    },
    /// A field of the header makes no sense.
    #[error("{field} at byte {offset} is {value}, must be {expected}")]
    Field {
        /// Which, with the signal's number from 0 where it belongs to one.
        field: String,
        /// Where it starts in the file.
        offset: u64,
        /// What stands there.
        value: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// Not even one data record is complete.
    #[error("a data record takes {record_bytes} bytes, the file has {data_bytes} from byte {offset} on")]
    NoRecord {
        /// A record's length.
        record_bytes: u64,
        /// What follows the header.
        data_bytes: u64,
        /// The header's length.
        offset: u64,
    },
}
