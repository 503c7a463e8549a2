use crate::cli::PlayArgs;
use bci_driver_lsl::{EegOutlet, Liblsl, MarkerOutlet, OutletError, OutletOptions};
use bci_driver_playback::{Player, RecordedStream, Recording};
use bci_types::{Rate, SampleFormat, StreamSpec};
use std::ops::Range;

/// The streams being played.
pub(super) struct Streams {
    pub(super) tracks: Vec<Track>,
    /// In the order of the recording's marker streams.
    pub(super) markers: Vec<MarkerOutlet>,
}

/// A group of channels being played.
pub(super) struct Track {
    pub(super) group: usize,
    pub(super) player: Player,
    pub(super) samples: EegOutlet,
    room: Vec<f64>,
    stamps: Vec<f64>,
}

impl Streams {
    pub(super) fn publish(
        args: &PlayArgs,
        recording: &Recording,
        players: Vec<(usize, Player)>,
        lsl: Liblsl,
    ) -> Result<Self, OutletError> {
        let stem = args.file.file_stem();
        let stem = stem.map_or_else(|| "recording".into(), |s| s.to_string_lossy().into_owned());
        let mut tracks = Vec::with_capacity(players.len());
        for (group, player) in players {
            tracks.push(Track::publish(args, recording, (group, player), &stem, lsl)?);
        }
        let first = args.name.clone().unwrap_or_else(|| stem.clone());
        let of_first = args.source_id.clone().unwrap_or_else(|| first.clone());
        let markers = match recording.marker_streams() {
            _ if recording.annotations().is_empty() => Vec::new(),
            [] => vec![(format!("{first}-markers"), format!("{of_first}-markers"))],
            streams => streams.iter().map(|stream| (stream.name.clone(), own_id(stream))).collect(),
        };
        let markers = markers.into_iter().enumerate().map(|(i, (name, id))| {
            let asked = args.marker_name.clone().filter(|_| i == 0);
            MarkerOutlet::new(lsl, &asked.unwrap_or(name), &id)
        });
        Ok(Self { tracks, markers: markers.collect::<Result<_, _>>()? })
    }
}

fn own_id(stream: &RecordedStream) -> String {
    if stream.source_id.is_empty() { stream.name.clone() } else { stream.source_id.clone() }
}

impl Track {
    fn publish(
        args: &PlayArgs,
        recording: &Recording,
        (group, player): (usize, Player),
        stem: &str,
        lsl: Liblsl,
    ) -> Result<Self, OutletError> {
        let signals = &recording.groups()[group];
        let recorded = signals.stream();
        let name = recorded.map_or_else(|| stem.to_owned(), |stream| stream.name.clone());
        let name = args.name.clone().unwrap_or(name);
        let source_id = args.source_id.clone();
        let source_id = source_id.or_else(|| recorded.filter(|_| args.name.is_none()).map(own_id));
        let kind = args.stream_type.clone().or_else(|| recorded.map(|stream| stream.kind.clone()));
        let rate = if args.keep_stated_rate { signals.rate() } else { player.published_rate() };
        let spec = StreamSpec {
            source_id: source_id.unwrap_or_else(|| name.clone()),
            name,
            kind: kind.unwrap_or_else(|| "EEG".to_owned()),
            hostname: String::new(),
            instance: String::new(),
            // Double precision holds every physical value of a file exactly.
            format: recorded.map_or(SampleFormat::Double64, |stream| stream.format),
            rate: Rate::Regular(rate),
            channels: signals.channels().to_vec(),
        };
        let file = args.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let acquisition = vec![("manufacturer".into(), "bcid play".into()), ("recording".into(), file)];
        let samples = EegOutlet::new(lsl, &spec, &OutletOptions { acquisition, ..OutletOptions::default() })?;
        let room = vec![0.0; signals.channels().len() * args.chunk];
        Ok(Self { group, player, samples, room, stamps: Vec::with_capacity(args.chunk) })
    }

    /// Sends these frames of lap `lap` of a play that began at `begin`.
    pub(super) fn push(
        &mut self,
        recording: &Recording,
        begin: f64,
        frames: Range<u64>,
        lap: u64,
    ) -> Result<(), OutletError> {
        let Self { group, player, samples, room, stamps } = self;
        let signals = &recording.groups()[*group];
        let room = &mut room[..(frames.end - frames.start) as usize * signals.channels().len()];
        signals.read_frames(frames.start, room);
        stamps.clear();
        stamps.extend(frames.map(|frame| begin + player.frame_stamp_s(lap, frame)));
        samples.push(room, stamps)
    }
}
