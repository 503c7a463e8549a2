use std::path::PathBuf;

/// Why a file is refused as BrainVision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrainVisionError {
    /// The header lacks what is needed.
    #[error("the header says nothing of {key} under [{section}]")]
    Missing {
        /// The section.
        section: String,
        /// The key.
        key: String,
    },
    /// A value makes no sense, or is of a kind that is not read.
    #[error("the header says {key} = {value:?}, must be {expected}")]
    Field {
        /// The key.
        key: &'static str,
        /// As written.
        value: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// The samples are not what the header says.
    #[error("{} {problem}", file.display())]
    Data {
        /// The file that holds them.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
}
