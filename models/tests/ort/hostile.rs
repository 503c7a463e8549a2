//! Models that are damaged, or mean harm: each refused, or stopped, with its reason.

use super::made::{Made, load, matrix};
use super::onnx::{
    Axis, Axis::Fixed, Axis::Open, DOUBLE, FLOAT, endless, external, external_of, flatten, model,
};
use super::{PAIR, WINDOW, identity, shipped};
use bci_models::bundle::{MOST_MODEL_BYTES, MOST_TOML_BYTES};
use bci_models::contract::contract;
use bci_models::onnx::{CONTRACT_KEY, with_metadata};
use bci_models::{DecodeError, Decoder as _, Device};
use std::fs::File;
use std::time::{Duration, Instant};

#[test]
fn what_the_bundle_says_wrongly_of_the_model_is_told_at_its_line() {
    // The contract in the model itself is told first, and all of it.
    let told = shipped().with("\"window\"", "\"eeg\"").refusal();
    assert!(told.len() == 1 && told[0].contains("the model says input.tensor = \"window\""), "{told:?}");

    let made = Made::new(&identity())
        .with("tensor = \"window\"", "tensor = \"eeg\"")
        .with(r#"["left", "right"]"#, r#"["left", "right", "tongue"]"#);
    assert_eq!(
        made.refusal(),
        [
            "input.tensor = \"eeg\" at decoder.toml:10: the model has no such tensor; it has window",
            "output.classes = [\"left\", \"right\", \"tongue\"] at decoder.toml:19: output.classes gives 3, but the \
             model's `posterior` has the shape [1, 2], 2 there",
        ]
    );
    let made = Made::new(&identity())
        .with("window_samples = 1", "window_samples = 2")
        .with(r#"["C3", "C4"]"#, r#"["C3", "C4", "Cz"]"#)
        .with("tensor = \"posterior\"", "tensor = \"logits\"");
    let told = made.refusal();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[0].contains("at decoder.toml:15: input.channels gives 3, but the model's `window` has the shape [1, 2, 1], 2 there"), "{told:#?}");
    assert!(told[1].starts_with("input.window_samples = 2 at decoder.toml:13: "), "{told:#?}");
    assert!(
        told[2].starts_with(
            "output.tensor = \"logits\" at decoder.toml:17: the model has no such tensor; it has posterior"
        ),
        "{told:#?}"
    );
}

#[test]
fn models_that_are_damaged_are_told_at_their_line() {
    let whole = shipped().model;
    let file = "model.file = \"model.onnx\" at decoder.toml:7: ";
    for broken in [&b"not a model"[..], &whole[..whole.len() / 2], &[]] {
        let told = Made::new(broken).refusal();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with(&format!("{file}model.onnx is no ONNX model: ")), "{told:?}");
        assert_eq!(told[0].lines().count(), 1, "{told:?}");
    }
    let at = &format!("{file}the model cannot be loaded: ");
    let unknown = model(
        &[("window", FLOAT, WINDOW)],
        &[("posterior", FLOAT, PAIR)],
        &[("Flattern", &["window"], &["posterior"])],
        &[],
    );
    let told = Made::new(&unknown).refusal();
    assert!(told.len() == 1 && told[0].starts_with(at.as_str()) && told[0].contains("Flattern"), "{told:?}");
}

/// Damage anywhere is refused, or does no harm; nothing panics.
#[test]
fn no_flipped_bit_is_a_panic() {
    let whole = identity();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        if let Ok(mut decoder) = Made::new(&damaged).load() {
            let mut posterior = [0.0; 2];
            let _ = decoder.decode(&[0.25, 0.75], &mut posterior);
        }
    }
}

#[test]
fn a_model_that_does_not_do_what_it_says_is_refused() {
    // Says nothing of its output's length beforehand, and yields two numbers where three classes are named.
    let open = flatten(&[("window", FLOAT, &[Open, Open, Open])], ("posterior", FLOAT, &[Open, Open]));
    let told = Made::new(&open).with(r#""right"]"#, r#""right", "tongue"]"#).refusal();
    assert!(told.len() == 1 && told[0].contains("decoder.toml:7: the model does not run: "), "{told:?}");
}

#[test]
fn interfaces_that_do_not_fit_are_refused() {
    let fits: super::onnx::Tensor<'_> = ("posterior", FLOAT, PAIR);
    let double = flatten(&[("window", DOUBLE, WINDOW)], ("posterior", DOUBLE, PAIR));
    let told = Made::new(&double).refusal();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("input.tensor = \"window\" at decoder.toml:10: ")
            && told[0].ends_with("the model's `window` is float64; float32 is permitted"),
        "{told:?}"
    );
    assert!(told[1].contains("output.tensor"), "{told:?}");

    let two = flatten(&[("window", FLOAT, WINDOW), ("memory", FLOAT, &[Fixed(1)])], fits);
    let told = Made::new(&two).refusal();
    assert!(
        told.len() == 1
            && told[0].ends_with(
                "the model also takes memory: every input must be input.tensor or the input of a [[state]]"
            ),
        "{told:?}"
    );

    let flat = flatten(&[("window", FLOAT, PAIR)], fits);
    let told = Made::new(&flat).refusal();
    assert!(told.len() == 1 && told[0].contains("has the shape [1, 2]; 3 axes are permitted"), "{told:?}");
}

#[test]
fn a_model_that_yields_no_numbers_is_refused_by_its_golden_segment() {
    let log = model(
        &[("window", FLOAT, WINDOW)],
        &[("posterior", FLOAT, PAIR)],
        &[("Log", &["window"], &["log"]), ("Flatten", &["log"], &["posterior"])],
        &[],
    );
    let told = Made::new(&log).golden(matrix(2, &[-1.0, 0.5]), matrix(2, &[0.5, 0.5])).refusal();
    assert_eq!(
        told,
        [
            "golden.segment = \"segment.npy\" at decoder.toml:26: the golden segment is not decoded at its window 1: the model yielded NaN or infinity in `posterior`"
        ]
    );
}

#[test]
fn a_model_beyond_half_a_gibibyte_is_refused_unread() {
    let folder = Made::new(&identity()).write();
    // Sparse: it has the length and takes no room.
    let file = File::options().write(true).open(folder.path().join("model.onnx")).unwrap();
    file.set_len(MOST_MODEL_BYTES + 1).unwrap();
    let told = load(folder.path(), Device::Cpu).unwrap_err();
    assert!(
        told.len() == 1 && told[0].ends_with("model.onnx has 536870913 bytes; 536870912 are permitted"),
        "{told:?}"
    );
}

/// A chain of products of 256 x 256 matrices: some milliseconds at least, where a hop is 10 us.
#[test]
fn a_model_slower_than_its_hop_is_refused() {
    const N: u64 = 256;
    let square: &[Axis] = &[Fixed(1), Fixed(N), Fixed(N)];
    let weights = vec![1e-3f32; (N * N) as usize];
    let bytes = model(
        &[("window", FLOAT, square)],
        &[("posterior", FLOAT, square)],
        &[
            ("MatMul", &["window", "w"], &["a"]),
            ("MatMul", &["a", "window"], &["b"]),
            ("MatMul", &["b", "window"], &["c"]),
            ("MatMul", &["c", "window"], &["posterior"]),
        ],
        &[("w", &[N, N], &weights)],
    );
    let channels: Vec<String> = (0..N).map(|c| format!("\"c{c}\"")).collect();
    let tokens: Vec<String> = (0..N).map(|c| format!("\"t{c}\"")).collect();
    let kind = format!("kind = \"token_logits\"\nsteps = {N}\ntokens = [{}]", tokens.join(", "));
    let made = Made::new(&bytes)
        .with("kind = \"class_posteriors\"\nclasses = [\"left\", \"right\"]", &kind)
        .with("[\"C3\", \"C4\"]", &format!("[{}]", channels.join(", ")))
        .with("window_samples = 1", &format!("window_samples = {N}"))
        .with("rate_hz = 100.0", "rate_hz = 100000.0");
    let told = made.refusal();
    assert!(
        told.len() == 1
            && told[0].starts_with("input.hop_samples = 1 at decoder.toml:14: one run of the model takes ")
            && told[0].ends_with(" ms, a hop is 0.01 ms"),
        "{told:?}"
    );
}

#[test]
fn weights_in_other_files_are_refused() {
    let outside = tempfile::tempdir().unwrap();
    let weights = outside.path().join("weights.bin");
    std::fs::write(&weights, [0u8; 8]).unwrap();
    for location in [weights.to_str().unwrap(), "../weights.bin", "weights.bin"] {
        let told = Made::new(&external(location)).refusal();
        assert!(
            told.len() == 1
                && told[0].contains(&format!(
                    "decoder.toml:7: keeps tensors in {location}: all of a model must be in its own file"
                )),
            "{told:?}"
        );
    }
}

#[test]
fn a_model_that_is_no_file_is_refused() {
    let folder = Made::new(&identity()).write();
    std::fs::remove_file(folder.path().join("model.onnx")).unwrap();
    std::fs::create_dir(folder.path().join("model.onnx")).unwrap();
    let told = load(folder.path(), Device::Cpu).unwrap_err();
    assert!(told.len() == 1 && told[0].ends_with("model.onnx is no file"), "{told:?}");
}

/// It runs as it should until a window sends it around for ever.
#[test]
fn a_run_that_does_not_end_is_stopped_and_the_next_is_as_ever() {
    let segment = matrix(3, &[0.25, 0.75, 0.0, 0.5, 0.5, 0.0]);
    let made = Made::new(&endless())
        .with(r#"["C3", "C4"]"#, r#"["C3", "C4", "Cz"]"#)
        .golden(segment, matrix(2, &[0.25, 0.75, 0.5, 0.5]));
    let mut decoder = made.load().unwrap();
    assert_eq!(decoder.proof().branching, 1, "the loop, whose body did not run: {}", decoder.proof());
    let mut posterior = [0.0; 2];
    let begun = Instant::now();
    let told = decoder.decode(&[0.25, 0.75, 1.0], &mut posterior);
    assert!(matches!(told, Err(DecodeError::Run(_))), "{told:?}");
    let why = std::error::Error::source(&told.unwrap_err()).unwrap().to_string();
    assert_eq!(why, "a run was stopped after 2 s, in which it did not end");
    assert!((2..5).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    decoder.decode(&[0.25, 0.75, 0.0], &mut posterior).unwrap();
    assert_eq!(posterior, [0.25, 0.75]);
    // In the golden segment it is a refusal.
    let told = made.golden(matrix(3, &[0.25, 0.75, 1.0]), matrix(2, &[0.25, 0.75])).refusal();
    assert!(
        told.len() == 1
            && told[0].ends_with(
                "window 1: the model failed on a window: a run was stopped after 2 s, in which it did not end"
            ),
        "{told:?}"
    );
}

#[test]
fn a_golden_segment_that_would_keep_a_start_waiting_is_refused() {
    let frames = matrix(2, &[0.5; 20_002]);
    let told = Made::new(&identity()).golden(frames.clone(), frames).refusal();
    assert!(
        told.len() == 1 && told[0].ends_with("the golden segment yields more than 10000 windows"),
        "{told:?}"
    );
}

/// One byte of ill-formed text must not end the look for tensors that are kept elsewhere: ONNX Runtime does not mind it,
/// and would open them.
#[test]
fn a_model_with_ill_formed_text_opens_no_other_file() {
    // Beside whatever folder the program was started in; "../" works as well.
    let file = "ill-formed-weights.bin";
    std::fs::write(file, 3.0f32.to_le_bytes().repeat(200)).unwrap();
    let made = |model: &[u8]| {
        Made::new(model)
            .with("window_samples = 1", "window_samples = 100")
            .with(
                "kind = \"class_posteriors\"\nclasses = [\"left\", \"right\"]",
                "kind = \"embedding\"\nsize = 200",
            )
            .golden(matrix(2, &[0.0; 200]), matrix(200, &[3.0; 200]))
            .refusal()
    };
    let plain = external_of(100, "Max", file);
    let ill_formed = [plain.clone(), vec![0x12, 1, 0xff]].concat();
    let told = [made(&plain), made(&ill_formed)];
    std::fs::remove_file(file).unwrap();
    for told in told {
        assert!(told.len() == 1 && told[0].contains("keeps tensors in ill-formed-weights.bin: "), "{told:?}");
    }
}

/// Reading a pipe never ends; a folder or a device is no bundle's file either.
#[test]
fn only_regular_files_are_read() {
    for name in ["segment.npy", "expected.npy", "decoder.toml", "model.onnx"] {
        for kind in ["pipe", "folder", "device"] {
            let folder = Made::new(&identity()).write();
            let file = folder.path().join(name);
            std::fs::remove_file(&file).unwrap();
            match kind {
                "pipe" => {
                    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
                }
                "folder" => std::fs::create_dir(&file).unwrap(),
                _ => std::os::unix::fs::symlink("/dev/zero", &file).unwrap(),
            }
            let (done, ended) = std::sync::mpsc::channel();
            let path = folder.path().to_owned();
            std::thread::spawn(move || done.send(load(&path, Device::Cpu).map(|_| ())));
            let told = ended.recv_timeout(Duration::from_secs(20));
            let told = told.unwrap_or_else(|e| panic!("{name} that is a {kind}: {e}")).unwrap_err();
            assert!(told.iter().any(|t| t.contains(name) && t.ends_with("is no file")), "{kind}: {told:?}");
        }
    }
}

#[test]
fn a_decoder_toml_beyond_its_bound_is_refused_unread() {
    let folder = Made::new(&identity()).write();
    let file = File::options().write(true).open(folder.path().join("decoder.toml")).unwrap();
    file.set_len(MOST_TOML_BYTES + 1).unwrap();
    let told = load(folder.path(), Device::Cpu).unwrap_err();
    assert_eq!(told, ["decoder.toml: has 16777217 bytes; 16777216 are permitted"]);
}

/// Where the model leaves the axis open, nothing but memory bounds what the bundle asks for.
#[test]
fn sizes_beyond_any_memory_are_refused() {
    let open = flatten(&[("window", FLOAT, &[Open, Open, Open])], ("posterior", FLOAT, &[Open, Open]));
    let steps = flatten(&[("window", FLOAT, &[Open, Open, Open])], ("posterior", FLOAT, &[Open, Open, Open]));
    let kind = "kind = \"class_posteriors\"\nclasses = [\"left\", \"right\"]";
    for size in [1u64 << 38, 1 << 61, (1 << 62) + 1] {
        let embedding = format!("kind = \"embedding\"\nsize = {size}");
        let window = format!("window_samples = {size}");
        let tokens =
            format!("kind = \"token_logits\"\ntokens = [\"a\", \"b\", \"c\", \"d\"]\nsteps = {size}");
        for (model, from, to) in
            [(&open, kind, embedding), (&open, "window_samples = 1", window), (&steps, kind, tokens)]
        {
            assert!(!Made::new(model).with(from, &to).refusal().is_empty(), "{to}");
        }
    }
}

/// Which of two counts, each reader would decide for itself.
#[test]
fn a_model_that_holds_its_contract_twice_is_refused() {
    let mut made = Made::new(&identity());
    let held = contract(&made.text).unwrap().to_string();
    let whole = with_metadata(&made.model, CONTRACT_KEY, &held).unwrap();
    for second in [held.replace("100.0", "250.0"), held] {
        made.model = [whole.clone(), with_metadata(&[], CONTRACT_KEY, &second).unwrap()].concat();
        assert_eq!(
            made.refusal(),
            ["model.file = \"model.onnx\" at decoder.toml:7: holds 2 bcid.contract; one is permitted"]
        );
    }
}
