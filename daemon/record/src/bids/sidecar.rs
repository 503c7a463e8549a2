use super::Export;
use bci_driver_playback::Recording;
use serde_json::json;

/// `_eeg.json`.
pub(super) fn eeg(export: &Export, recording: &Recording) -> String {
    let Export { about, channels, grid, entities, .. } = export;
    let count = |kinds: &[&str]| channels.iter().filter(|c| kinds.contains(&c.kind)).count();
    let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "n/a".to_owned());
    let frames = recording.groups().get(export.group).map_or(0, |signals| signals.frames());
    let mut eeg = json!({
        "TaskName": entities.task(),
        "SamplingFrequency": grid.rate,
        "PowerLineFrequency": about.line_hz.map_or(json!("n/a"), |hz| json!(hz)),
        "EEGReference": said(&about.reference),
        "EEGGround": said(&about.ground),
        "EEGPlacementScheme": said(&about.placement),
        "SoftwareFilters": "n/a",
        "HardwareFilters": "n/a",
        "RecordingDuration": frames as f64 / grid.rate,
        "RecordingType": if grid.runs.len() > 1 { "discontinuous" } else { "continuous" },
        "EEGChannelCount": count(&["EEG"]),
        "EOGChannelCount": count(&["EOG", "HEOG", "VEOG"]),
        "ECGChannelCount": count(&["ECG"]),
        "EMGChannelCount": count(&["EMG"]),
        "MISCChannelCount": count(&["MISC"]),
        "TriggerChannelCount": count(&["TRIG"]),
        "SampleTiming": grid.as_json(),
    });
    let stated = [
        ("Manufacturer", &about.manufacturer),
        ("ManufacturersModelName", &about.model),
        ("TaskDescription", &about.task_description),
    ];
    for (key, text) in stated {
        if let Some(text) = text {
            eeg[key] = json!(text);
        }
    }
    format!("{eeg:#}\n")
}
