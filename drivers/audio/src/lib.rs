//! Sound devices through cpal: which there are. Playing cues and recording a voice come with the features that need
//! them.

use cpal::traits::HostTrait as _;

/// The sound devices of the system's default host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundDevices {
    /// The host's name (`ALSA`).
    pub host: String,
    /// Names of devices that play.
    pub outputs: Vec<String>,
    /// Names of devices that record.
    pub inputs: Vec<String>,
}

/// Why the devices cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("the sound devices cannot be listed")]
pub struct SoundError(#[source] cpal::Error);

/// Lists the sound devices; a machine without any has empty lists.
///
/// # Errors
/// [`SoundError`] when the sound system does not answer.
pub fn devices() -> Result<SoundDevices, SoundError> {
    let host = cpal::default_host();
    let names = |devices: Vec<cpal::Device>| devices.iter().map(ToString::to_string).collect();
    let outputs = host.output_devices().map_err(SoundError)?.collect();
    let inputs = host.input_devices().map_err(SoundError)?.collect();
    Ok(SoundDevices { host: format!("{:?}", host.id()), outputs: names(outputs), inputs: names(inputs) })
}
