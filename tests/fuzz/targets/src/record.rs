use crate::in_proportion;
use bci_record::{IntentLine, Naming, Recorded, Template};
use std::path::{Component, Path};

/// A file-name template and the names for its placeholders, a line each: where the recording goes is below its folder.
pub fn template(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n');
    let Ok(template) = Template::parse(lines.next().unwrap_or_default()) else { return };
    let mut next = || lines.next().unwrap_or_default().to_owned();
    let naming = Naming {
        participant: next(),
        session: next(),
        task: next(),
        acquisition: next(),
        modality: next(),
        run: next().parse().ok(),
    };
    let folder = Path::new("/no/such/study");
    let (checked, found) = (template.check(&naming), template.free(folder, &naming));
    assert_eq!(checked.is_ok(), found.is_ok(), "checked and made alike");
    let Ok(path) = found else { return };
    let path = path.unwrap_or_else(|there| panic!("{} is there", there.display()));
    let below = path.strip_prefix(folder);
    let below = below.unwrap_or_else(|_| panic!("{} is outside of the folder", path.display()));
    assert!(below.components().all(|part| matches!(part, Component::Normal(_))), "{}", below.display());
    assert!(below.extension().is_some_and(|extension| extension == "xdf"), "{}", below.display());
    assert!(!below.to_string_lossy().contains(['%', '\\', '\0']), "{}", below.display());
}

/// A decoded window as a line of a recording: what is read is the same decision when it is written and read again.
pub fn intent(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(line) = IntentLine::parse(text) else { return };
    let written = line.text();
    let again = IntentLine::parse(&written).unwrap_or_else(|e| panic!("{written}: {e}"));
    assert_eq!(again, line);
    assert_eq!(again.difference(&line), None);
}

/// A recording as `bcid replay` reads it: frames are there or refused, whatever the chunks say of them.
pub fn recording(bytes: &[u8]) {
    let Ok(recorded) = Recorded::parse(bytes, "f.xdf") else { return };
    in_proportion(recorded.warnings.iter().map(String::as_str), bytes.len());
    in_proportion(recorded.markers.iter().map(|m| m.marker.text.as_str()), bytes.len());
    let mut samples = Vec::new();
    let mut described = 0;
    for heard in &recorded.pipelines {
        described += heard.streams.values().map(|raw| raw.spec.channels.len()).sum::<usize>();
        for chunk in &heard.chunks {
            let Some(raw) = heard.streams.get(&chunk.stream) else { continue };
            for first in [0, chunk.number as usize] {
                if raw.read(first, chunk.frames, &mut samples) {
                    assert_eq!(samples.len(), chunk.frames * raw.spec.channels.len());
                    assert!(raw.stamps.get(first..first + chunk.frames).is_some(), "a stamp a frame");
                }
            }
        }
        assert!(heard.intents.iter().all(|(seq, line)| *seq == line.seq));
    }
    assert!(described <= bytes.len(), "{described} channels are described in {} bytes", bytes.len());
}
