//! The seeds: small files of every kind, made by our own writers where there is one, else field by field.

#[path = "../../../../../drivers/playback/tests/common/mod.rs"]
mod edf;

use bci_models::bundle::{Matrix, write_npy};
use bci_models::onnx::{CONTRACT_KEY, Readout, with_metadata};
use bci_record::{CHUNK_COLUMNS, CHUNKS, EVENTS, INTENTS};
use bci_xdf::{Batch, Encoder, Format};
use std::path::Path;

/// Target, name and content.
type Seed = (&'static str, String, Vec<u8>);

pub(crate) fn all() -> Vec<Seed> {
    let seed = |target, name: &str, bytes: Vec<u8>| (target, name.to_owned(), bytes);
    let text = |target, name: &str, text: &str| (target, name.to_owned(), text.as_bytes().to_vec());
    let readout = Readout { features: 2, powers: None, weights: vec![1.0; 4], bias: vec![0.0, 1.0] };
    let powers = Readout { powers: Some(vec![0.5; 4]), ..readout.clone() };
    let with_contract = with_metadata(&readout.model(), CONTRACT_KEY, "{\"schema\":2}").unwrap();
    let mut seeds = vec![
        seed("xdf", "markers.xdf", markers()),
        seed("recording", "session.xdf", session()),
        seed("edf", "plain.edf", plain_edf()),
        seed(
            "edf",
            "continuous.edf",
            edf::counting("EDF+C", "1", 4, &[("+0", "+0.5\x14T1\x14\0"), ("+1", "")]).bytes(),
        ),
        seed(
            "edf",
            "gaps.edf",
            edf::counting("EDF+D", "0.5", 2, &[("+0.25", ""), ("+7", "+7.1\x151.5\x14a\x14b\x14\0")]).bytes(),
        ),
        seed("edf", "wide.bdf", bdf()),
        seed("gdf", "two.gdf", gdf_2()),
        seed("gdf", "one.gdf", gdf_1()),
        seed(
            "brainvision",
            "int16",
            brainvision("MULTIPLEXED", "INT_16", &[0, 1, 2, 3, 0xff, 0xff, 0x10, 0]),
        ),
        seed("brainvision", "float32", brainvision("VECTORIZED", "IEEE_FLOAT_32", &[0u8; 24])),
        seed("onnx", "linear.onnx", readout.model()),
        seed("onnx", "powers.onnx", powers.model()),
        seed("onnx", "contract.onnx", with_contract),
        seed(
            "npy",
            "matrix.npy",
            write_npy(&Matrix { rows: 2, columns: 3, values: vec![0.5, -1.0, f32::NAN, 1e-40, 2.0, 3.0] }),
        ),
        seed("npy", "empty.npy", write_npy(&Matrix { rows: 0, columns: 3, values: Vec::new() })),
        text("learned", "align.toml", LEARNED_ALIGN),
        text("learned", "asr.toml", LEARNED_ASR),
        text("bundle", "classes.toml", BUNDLE),
        text("bundle", "streaming.toml", BUNDLE_STREAMING),
        text("intent", "class.json", INTENT),
        text(
            "template",
            "bids",
            "sub-%p/ses-%s/%m/sub-%p_ses-%s_task-%b_acq-%a_run-%r_%m.xdf\nP1\nS1\nimagery\na\neeg\n3",
        ),
        text("template", "windows", "%p\\%b_%n.xdf\nP1\n\nrest\n\n\n"),
        seed("wire", "samples", samples()),
        text(
            "wire",
            "request",
            "LSL:streamfeed/110 u\r\nNative-Byte-Order: 1234\r\nSession-Id: default\r\n\r\n\x02",
        ),
        text("wire", "fullinfo", "LSL:fullinfo\r\n"),
        text("wire", "look-up", "LSL:shortinfo\r\nsession_id='ours' and name='eeg'\r\n16573 4711\r\n"),
        text("wire", "announcement", &format!("4711\r\n{ANNOUNCEMENT}</info>")),
        text("wire", "description", &format!("{ANNOUNCEMENT}{DESCRIPTION}</info>")),
        text("wire", "name", "say \"hi\", it's g.tec"),
        text("config", "steps.toml", STEPS),
        text("config", "space.toml", SPACE),
        text("config", "shafts.toml", SHAFTS),
        text("config", "features.toml", FEATURES),
        text("config", "recentred.toml", RECENTRED),
        text("config", "values.toml", VALUES),
    ];
    for (format, size) in [
        (Format::Int8, 1),
        (Format::Int16, 2),
        (Format::Int32, 4),
        (Format::Int64, 8),
        (Format::Float32, 4),
        (Format::Double64, 8),
    ] {
        seeds.push(("xdf", format!("{}.xdf", format.word()), numbers(format, size)));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    for (target, file) in [
        ("config", "deploy/config/rig.toml"),
        ("config", "deploy/config/seeg.toml"),
        ("task", "calibration/tasks/eegmmidb-fists-feet.toml"),
        ("task", "calibration/tasks/openbci16-left-right-idle.toml"),
    ] {
        let name = Path::new(file).file_name().unwrap().to_string_lossy().into_owned();
        seeds.push((target, name, std::fs::read(root.join(file)).unwrap()));
    }
    seeds
}

fn header(name: &str, format: Format, channels: &[&str], hz: u32) -> String {
    let word = format.word();
    let described: String = channels
        .iter()
        .map(|label| {
            format!("<channel><label>{label}</label><unit>microvolts</unit><type>EEG</type></channel>")
        })
        .collect();
    format!(
        "<info><name>{name}</name><type>EEG</type><channel_count>{}</channel_count><nominal_srate>{hz}</nominal_srate>\
         <channel_format>{word}</channel_format><source_id>s</source_id><uid>u</uid><desc><channels>{described}</channels>\
         </desc></info>",
        channels.len()
    )
}

/// A clock that was set, and a second stretch; at the end a chunk whose one sample has no stamp of its own.
fn numbers(format: Format, size: u8) -> Vec<u8> {
    let mut e = Encoder::default();
    e.begin("2026-11-26T10:00:00+0000");
    e.stream_header(1, &header("eeg", format, &["C3", "C4"], 100));
    e.samples(1, format, 2, &[10.0, 10.01], Batch::Numbers(&[1.0, -2.0, 3.5, 1e3]));
    for (time, offset) in [(10.0, -0.5), (11.0, -0.5), (12.0, -0.5), (3.0, 41.0)] {
        e.clock_offset(1, time, offset);
    }
    e.boundary();
    e.samples(1, format, 2, &[3.0], Batch::Numbers(&[7.0, 8.0]));
    let mut file = e.bytes().to_vec();
    file.extend([1, 9 + 2 * size, 3, 0, 1, 0, 0, 0, 1, 1, 0]);
    file.resize(file.len() + 2 * usize::from(size), 0);
    e.clear();
    e.footer(1, Some((10.0, 3.0)), 4, &[(10.0, -0.5)]);
    file.extend(e.bytes());
    file
}

fn markers() -> Vec<u8> {
    let mut e = Encoder::default();
    e.begin("2026-11-26T10:00:00+0000");
    e.stream_header(1, &header("eeg", Format::Float32, &["C3"], 10));
    e.samples(1, Format::Float32, 1, &[1.0, 1.1, 9.0], Batch::Numbers(&[0.5, 1.5, f64::NAN]));
    e.stream_header(2, &header("cues", Format::Text, &["x"], 0));
    e.samples(2, Format::Text, 1, &[1.05, 1.0], Batch::Texts(&["left", "\u{e9}"]));
    e.stream_header(3, &header("codes", Format::Int32, &["x"], 0));
    e.samples(3, Format::Int32, 1, &[1.05], Batch::Numbers(&[7.0]));
    e.bytes().to_vec()
}

/// As the recorder writes it: raw frames, how they came, a decision, a marker.
fn session() -> Vec<u8> {
    let mut e = Encoder::default();
    e.begin("2026-11-26T10:00:00+0000");
    e.stream_header(1, &header("eeg", Format::Float32, &["C3", "C4"], 100));
    e.samples(1, Format::Float32, 2, &[1.0, 1.01, 1.02], Batch::Numbers(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    e.stream_header(2, &header(&format!("{CHUNKS}p"), Format::Double64, &CHUNK_COLUMNS, 0));
    let rows = [
        [1.0, 0.0, 2.0, 1.011, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        [1.0, 1.0, 1.0, 1.021, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    ];
    e.samples(2, Format::Double64, CHUNK_COLUMNS.len(), &[1.011, 1.021], Batch::Numbers(rows.as_flattened()));
    e.stream_header(3, &header(&format!("{INTENTS}p"), Format::Text, &["json"], 0));
    e.samples(3, Format::Text, 1, &[1.02], Batch::Texts(&[INTENT]));
    e.stream_header(4, &header(EVENTS, Format::Text, &["json"], 0));
    let events = [
        r#"{"event":"marker","stream":"cues","text":"left","time_ns":1000000000,"received_ns":1000100000}"#,
        r#"{"event":"began"}"#,
    ];
    e.samples(4, Format::Text, 1, &[1.0, 1.0], Batch::Texts(&events));
    e.bytes().to_vec()
}

fn plain_edf() -> Vec<u8> {
    let signals = [edf::Signal::volts("EEG Fpz-Cz", 4), edf::Signal::volts("Temp rectal", 1)];
    let record = edf::i16s([1, -2, 32_767, -32_768]);
    edf::File::new("", "1", &signals).record(&[&record, &[1, 2]]).record(&[&record, &[3, 4]]).bytes()
}

fn bdf() -> Vec<u8> {
    let signals = [edf::Signal::volts("C3", 2), edf::Signal::annotations("BDF Annotations", 20)];
    let mut file = edf::File::new("BDF+C", "0.25", &signals);
    file.bdf = true;
    file.record(&[&[1, 2, 0xff, 0, 0, 0x80], b"+0\x14\x14\0+0.1\x14x\x14\0"]).bytes()
}

fn gdf_2() -> Vec<u8> {
    let mut fixed = vec![0u8; 256];
    fixed[..8].copy_from_slice(b"GDF 2.20");
    fixed[168..176].copy_from_slice(&(740_000u64 << 32 | 1 << 31).to_le_bytes());
    fixed[184..186].copy_from_slice(&3u16.to_le_bytes());
    fixed[236..244].copy_from_slice(&2i64.to_le_bytes());
    fixed[244..252].copy_from_slice(&[1, 0, 0, 0, 2, 0, 0, 0]);
    fixed[252..254].copy_from_slice(&2u16.to_le_bytes());
    let text = |text: &str, width: usize| format!("{text:<width$}").into_bytes();
    let mut signals = [text("C3", 16), text("ECG 1", 16), vec![0; 160], text("uV", 6), text("", 6)].concat();
    signals.extend([4275u16.to_le_bytes(), 4274u16.to_le_bytes()].concat());
    for ends in [[-100.0f64, -1.0], [100.0, 1.0], [-1000.0, -1.0], [1000.0, 1.0]] {
        signals.extend(ends.iter().flat_map(|x| x.to_le_bytes()));
    }
    signals.extend(vec![0; 160]);
    signals.extend([2u32, 1, 3, 16].iter().flat_map(|n| n.to_le_bytes()));
    signals.extend(vec![0; 64]);
    let mut file = [fixed, signals].concat();
    for record in 0..2i16 {
        file.extend([(record * 20).to_le_bytes(), (record * 20 + 10).to_le_bytes()].concat());
        file.extend(0.25f32.to_le_bytes());
    }
    file.extend([3, 2, 0, 0]);
    file.extend(4f32.to_le_bytes());
    file.extend([2u32, 5].iter().flat_map(|n| n.to_le_bytes()));
    file.extend([769u16, 770, 0, 0].iter().flat_map(|n| n.to_le_bytes()));
    file.extend([1u32, 2].iter().flat_map(|n| n.to_le_bytes()));
    file
}

fn gdf_1() -> Vec<u8> {
    let mut fixed = vec![0u8; 256];
    fixed[..8].copy_from_slice(b"GDF 1.25");
    fixed[168..184].copy_from_slice(b"2003010112000000");
    fixed[184..192].copy_from_slice(&512i64.to_le_bytes());
    fixed[236..244].copy_from_slice(&(-1i64).to_le_bytes());
    fixed[244..252].copy_from_slice(&[1, 0, 0, 0, 4, 0, 0, 0]);
    fixed[252..256].copy_from_slice(&1u32.to_le_bytes());
    let mut signal = vec![0u8; 256];
    signal[..2].copy_from_slice(b"Cz");
    signal[96..98].copy_from_slice(b"uV");
    for (at, end) in [(104, -1.0f64), (112, 1.0)] {
        signal[at..at + 8].copy_from_slice(&end.to_le_bytes());
    }
    for (at, end) in [(120, -8_388_608i64), (128, 8_388_607)] {
        signal[at..at + 8].copy_from_slice(&end.to_le_bytes());
    }
    signal[216..220].copy_from_slice(&1u32.to_le_bytes());
    signal[220..224].copy_from_slice(&279u32.to_le_bytes());
    [fixed, signal, vec![1, 2, 3, 0xff, 0xff, 0xff]].concat()
}

fn brainvision(orientation: &str, format: &str, samples: &[u8]) -> Vec<u8> {
    let header = format!(
        "Brain Vision Data Exchange Header File Version 1.0\n; c\n[Common Infos]\nDataFile=$b.eeg\nMarkerFile=f.vmrk\n\
         DataFormat=BINARY\nDataOrientation={orientation}\nNumberOfChannels=2\nSamplingInterval=2000\n[Binary Infos]\n\
         BinaryFormat={format}\n[Channel Infos]\nCh1=C3,,0.1,uV\nCh2=X\\1Y,,,C\n[Comment]\nfree = text\n"
    );
    let markers = "Brain Vision Data Exchange Marker File, Version 1.0\n[Marker Infos]\n\
                   Mk1=New Segment,,1,1,0,20131113161403794232\nMk2=Stimulus,S  1,2,1,0\nMk3=wrong\n";
    [header.as_bytes(), b"\n---\n", markers.as_bytes(), b"\n---\n", samples].concat()
}

/// Two channels of four bytes, in pieces of six: two of a known pattern, one whose stamp follows, and the beginning of another.
fn samples() -> Vec<u8> {
    let stamped = |stamp: f64| [&[2][..], &stamp.to_le_bytes(), &[0, 0, 128, 63, 0, 0, 0, 192]].concat();
    [&[2, 2, 5][..], &stamped(123_456.789), &stamped(1.5), &[1, 7, 7, 7, 7, 8, 8, 8, 8, 2, 0]].concat()
}

const ANNOUNCEMENT: &str = "<?xml version=\"1.0\"?><info><name>eeg</name><type>EEG</type><channel_count>3</channel_count>\
    <channel_format>float32</channel_format><source_id>s</source_id><nominal_srate>250.0000000000000</nominal_srate>\
    <version>1.100000000000000</version><created_at>1.5</created_at><uid>u</uid><session_id>default</session_id>\
    <hostname>h</hostname><v4address/><v4data_port>16572</v4data_port><v4service_port>16573</v4service_port>\
    <v6address/><v6data_port>0</v6data_port><v6service_port>0</v6service_port>";

const DESCRIPTION: &str = "<desc><manufacturer>a &amp; &#233;&#1;</manufacturer><channels><channel><label>EEG C3-Ref</label>\
    <unit>microvolts</unit><type>EEG</type></channel><channel><label>T3</label><unit>-6</unit><kind>2</kind><type>eeg</type>\
    </channel><channel><label> Status </label><unit/><type>TRIGGER</type></channel></channels>\
    <synchronization><can_drop_samples>true</can_drop_samples></synchronization></desc>";

const INTENT: &str = r#"{"seq":7,"line":0,"decoder":"d","version":"1","model_sha256":"ab","kind":"posterior","labels":["left","right"],"numbers":[0.25,0.75],"smoothed":[0.5,0.5],"intent":"right","no_intent":null,"distrust":["gap"],"bridged":true,"oldest_sample_ns":1000000001,"newest_sample_ns":1020000003,"newest_frame":2,"acquired_ns":1021000000,"dequeued_ns":1021000001,"filtered_ns":1021000002,"decoded_ns":1021000003,"signal_delay_ns":0}"#;

const LEARNED_ALIGN: &str = r#"schema = 1
[[step]]
name = "signal.steps[0].align"
kind = "align"
channels = ["C3", "Cz", "C4", "Pz"]
rate_hz = 333.3333333333333
learned_s = 0.14
recordings = ["a.edf", "b c.bdf"]
sha256 = ["0000000000000000000000000000000000000000000000000000000000000000", "0000000000000000000000000000000000000000000000000000000000000000"]
window_ms = 1000.0
shape = [2, 2]
metric = "riemann"
shrinkage = "oas"
windows = 118
groups = 2
reference = [[2.0, -0.0], [0.0, 1e-7], [3.0, 1.0], [1.0, 4.0]]
"#;

const LEARNED_ASR: &str = r#"schema = 1
[[step]]
name = "signal.steps[1].asr"
kind = "asr"
channels = ["C3", "a \"b\" \\ \U00000001"]
rate_hz = 160.0
learned_s = 60.0
recordings = []
sha256 = []
window_ms = 500.0
shape = [2, 2]
mixing = [[1.0, 0.0], [0.0, 0.3]]
components = [[1.0, 0.0], [0.0, 1.0]]
amplitudes = [[5e-324, 1e308], [-1e300, 0.0]]
"#;

const BUNDLE: &str = r#"schema = 2
name = "n"
version = "1.0.0"
description = "d"
licence = "MIT"
[model]
file = "model.onnx"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
[input]
tensor = "window"
unit = "uV"
rate_hz = 160.0
window_samples = 160
hop_samples = 10
channels = ["C3", "C4", "Cz"]
[[preprocessing]]
band_pass = { low_hz = 8.0, high_hz = 30.0, order = 4 }
[[preprocessing]]
common_average = {}
[[preprocessing]]
align = { metric = "riemann", mode = "running", yields = "covariance", window_ms = 500.0, hop_ms = 100.0, shrinkage = "oas" }
[output]
tensor = "posterior"
kind = "class_posteriors"
classes = ["left", "right"]
temperature = 1.5
reject_below = 0.25
prior_windows = 200
[intent]
threshold = 0.6
smoothing_ms = 750.0
[provenance]
trained_by = "x"
subjects = "S"
split = "s"
code_version = "x"
[[provenance.recordings]]
file = "a.edf"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
use = "train"
[[provenance.metrics]]
name = "trial_accuracy"
on = "y"
value = 0.9
ci95 = [0.7, 0.99]
trials = 15
chance = 0.5
[golden]
segment = "segment.npy"
segment_sha256 = "0"
expected = "expected.npy"
expected_sha256 = "0"
origin = "none"
atol = 1e-3
"#;

const BUNDLE_STREAMING: &str = r#"schema = 2
name = "n"
version = "1"
description = ""
licence = "MIT"
model = { file = "model.onnx", sha256 = "0" }
state = [{ input = "a", output = "b", shape = [1, 4], initial = 0.5, reset = "attachment" }]
output = { tensor = "y", kind = "velocity", axes = ["x", "y"], unit = "1/s", settle_samples = 50 }
golden = { segment = "s.npy", segment_sha256 = "0", expected = "e.npy", expected_sha256 = "0", origin = "" }
provenance = { trained_by = "x", subjects = "S", split = "s", code_version = "x" }
[input]
tensor = "hop"
unit = "mV"
rate_hz = 1_000
window_samples = 100
hop_samples = 20
feed = "hop"
layout = "samples_channels"
channels = ["A1", "A2"]
"#;

const VALUES: &str = r#"a = 1_000
b = 1.5e2
c = ["x", "y"]
d = true
e = 0x10
f = [[1, 2.0], [-inf, nan]]
g = 1979-05-27T07:32:00Z
h = """
two
lines"""
"quoted key" = -0.0
[table]
x.y.z = { q = [] }
[[list]]
n = 1
[[list]]
n = 2
"#;

const STEPS: &str = r#"[[steps]]
notch_comb = { freq_hz = 50, q = 30.0 }
[[steps]]
band_pass = { low_hz = 8, high_hz = 30.0, order = 4, family = "elliptic", ripple_db = 1, attenuation_db = 40 }
[[steps]]
fir = { low_hz = 1.0, taps = 33, window = "kaiser", beta = 5 }
[[steps]]
fir_least_squares = { taps = 31, bands_hz = [0, 10, 20, 500], gains = [1, 1, 0, 0] }
[[steps]]
common_average = { except = ["A1"] }
[[steps]]
resample = { rate_hz = 250 }
[[steps]]
bipolar = { pairs = [["C3", "C4"]], chain = [["Fp1", "Cz", "P3"]] }
[[steps]]
z_score = { time_constant_s = 10 }
[[steps]]
band_power = { bands_hz = [[8, 12], [18, 26]], window_ms = 500, hop_ms = 100, log = true }
"#;

const SPACE: &str = r#"[[steps]]
interpolate = { channels = ["P3"] }
[[steps]]
reference = { channels = ["A1", "A2"], keep = true }
[[steps]]
common_median = { channels = ["C3", "C4"] }
[[steps]]
drop = { channels = ["Fp1"] }
[[steps]]
select = { channels = ["C3", "Cz", "C4", "P3", "P4"] }
[[steps]]
laplacian = { size = "large", channels = ["Cz"] }
[[steps]]
spatial_filter = { rows = [[1.0], [-0.5]], names = ["a", "b"] }
[[steps]]
dc_block = { cutoff_hz = 0.5 }
[[steps]]
fir_taps = { taps = [0.25, 0.5, 0.25] }
[[steps]]
high_pass = { cutoff_hz = 1, order = 2, family = "bessel", norm = "mag" }
[[steps]]
low_pass = { cutoff_hz = 40, order = 3, family = "chebyshev1", ripple_db = 0.5 }
[[steps]]
band_stop = { low_hz = 48, high_hz = 52, order = 2, family = "chebyshev2", attenuation_db = 30 }
[[steps]]
notch = { freq_hz = 60, q = 35 }
"#;

const SHAFTS: &str = r#"[[steps]]
bipolar_shafts = { keep_others = true, grids = { A = 2 } }
[[steps]]
spike_features = { bin_ms = 20, threshold_rms = -4.5, rms_time_constant_s = 10, refractory_ms = 1, outputs = ["crossings", "power"] }
"#;

const RECENTRED: &str = r#"[[steps]]
filter_bank = { bands_hz = [[8, 12], [18, 26]], order = 4 }
[[steps]]
align = { metric = "riemann", mode = "running", yields = "log_covariance", window_ms = 500, hop_ms = 100, shrinkage = "oas", groups = 2 }
"#;

const FEATURES: &str = r#"[[steps]]
resample = { rate_hz = 250 }
[[steps]]
asr = { cutoff = 20, calibrate_s = 60, window_ms = 500, max_dims = 0.66 }
[[steps]]
align = { metric = "euclid", window_ms = 1000, hop_ms = 500, mode = "first_windows", windows = 50, shrinkage = "oas" }
[[steps]]
filter_bank = { bands_hz = [[8, 12], [18, 26]], order = 4 }
[[steps]]
envelope = { low_hz = 8, high_hz = 30, method = "rectified", smooth_hz = 5, rate_hz = 50 }
[[steps]]
z_score = { window_s = 30 }
[[steps]]
mean_square = { window_ms = 200, hop_ms = 40, root = true }
[[steps]]
covariance = { window_ms = 1000, hop_ms = 200, shrinkage = 0.1, centre = false, groups = 2, log = true }
[[steps]]
quality = { window_ms = 1000, hop_ms = 400, line_hz = 2, line_harmonics = 2, flat_eps_uv = 0.1, rail_uv = 1000 }
"#;
