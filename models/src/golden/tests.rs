use super::*;
use crate::bundle::Output;
use bci_config::Mistakes;
use bci_types::DecoderIdentity;
use std::sync::Arc;

fn matrix(columns: usize, values: &[f32]) -> Matrix {
    Matrix { rows: values.len() / columns, columns, values: values.to_vec() }
}

#[test]
fn the_largest_difference_is_told_with_its_window() {
    let labels = ["a".to_owned(), "b".to_owned()];
    let expected = matrix(2, &[0.5, 0.5, 0.25, 0.75]);
    let good = compare(&matrix(2, &[0.5, 0.50005, 0.25, 0.75]), &expected, Extent::All, 1e-4, &labels);
    assert!(good.is_ok_and(|a| a.windows == 2 && (4e-5..6e-5).contains(&a.largest)));
    let bad = compare(&matrix(2, &[0.5, 0.501, 0.25, 0.5]), &expected, Extent::All, 1e-4, &labels);
    assert_eq!(
        bad.expect_err("apart"),
        "window 2 of the golden segment, number 2 (b): this machine yields 0.5, expected is 0.75; 2.500e-1 apart, 1e-4 is permitted"
    );
    let nan = compare(&expected, &matrix(2, &[0.5, 0.5, f32::NAN, 0.75]), Extent::All, 1e-4, &labels);
    assert!(nan.expect_err("NaN").starts_with("window 2 of the golden segment, number 1 (a)"));
    let short = compare(&matrix(2, &[0.5, 0.5]), &expected, Extent::All, 1e-4, &labels);
    assert_eq!(short.expect_err("rows"), "has 2 rows of 2 numbers, but the segment yields 1 of 2");
    assert!(compare(&matrix(2, &[]), &matrix(2, &[]), Extent::All, 1e-4, &labels).is_err());
}

/// Yields its window, of two numbers, and takes its time.
struct Slow {
    output: Output,
    each: Duration,
}

impl Decoder for Slow {
    fn identity(&self) -> Arc<DecoderIdentity> {
        Arc::new(DecoderIdentity { name: "slow".into(), version: "1".into(), model_sha256: String::new() })
    }

    fn output(&self) -> &Output {
        &self.output
    }

    fn decode(&mut self, window: &[f32], numbers: &mut [f32]) -> Result<(), DecodeError> {
        std::thread::sleep(self.each);
        numbers.copy_from_slice(window);
        Ok(())
    }
}

/// A bundle of two channels and one frame a window, whose decoder takes 5 ms for each.
fn slow() -> (Bundle, Slow) {
    let folder = tempfile::tempdir().expect("a folder");
    let model = [0x3a, 0];
    let text = format!(
        "schema = 2\nname = \"slow\"\nversion = \"1\"\ndescription = \"d\"\nlicence = \"MIT\"\n\
         [model]\nfile = \"model.onnx\"\nsha256 = \"{}\"\n\
         [input]\ntensor = \"x\"\nunit = \"uV\"\nrate_hz = 100\nwindow_samples = 1\nhop_samples = 1\n\
         channels = [\"C3\", \"C4\"]\n\
         [output]\ntensor = \"y\"\nkind = \"embedding\"\nsize = 2\n\
         [provenance]\ntrained_by = \"x\"\nsubjects = \"x\"\nsplit = \"x\"\ncode_version = \"x\"\n\
         [golden]\nsegment = \"s.npy\"\nsegment_sha256 = \"0\"\nexpected = \"e.npy\"\nexpected_sha256 = \"0\"\norigin = \"x\"\n",
        crate::bundle::sha256_hex(&model)
    );
    std::fs::write(folder.path().join("model.onnx"), model).expect("written");
    std::fs::write(folder.path().join("decoder.toml"), text).expect("written");
    let mistakes = Mistakes::new();
    let bundle = Bundle::read(folder.path(), &mistakes);
    let bundle = bundle.unwrap_or_else(|| panic!("{:?}", mistakes.into_sorted()));
    let output = bundle.output.clone();
    (bundle, Slow { output, each: Duration::from_millis(5) })
}

#[test]
fn a_check_ends_when_its_time_is_up_and_says_how_far_it_came() {
    let (bundle, mut decoder) = slow();
    let golden = bundle.golden.clone().expect("golden");
    let segment = matrix(2, &[0.5; 8000]);
    let mut wrong = segment.clone();
    wrong.values[2 * 3999] = 0.25;
    let limit = Duration::from_millis(50);
    let begun = Instant::now();
    let agreement =
        check_within(&bundle, &golden, (&segment, &wrong), &mut decoder, limit).expect("not looked so far");
    assert!(begun.elapsed() < Duration::from_secs(10), "4000 windows would take 20 s: {:?}", begun.elapsed());
    assert!((1..=11).contains(&agreement.windows) && agreement.expected == 4000, "{agreement:?}");
    assert!(agreement.to_string().starts_with("only the first "), "{agreement}");
    // What was decoded is compared.
    wrong.values[1] = 0.25;
    let told = check_within(&bundle, &golden, (&segment, &wrong), &mut decoder, limit).expect_err("apart");
    assert!(told[0].problem.contains("window 1 of the golden segment, number 2"), "{told:?}");
    // The first is, however little time there is.
    let one = check_within(&bundle, &golden, (&segment, &segment), &mut decoder, Duration::ZERO);
    assert!(one.is_ok_and(|a| a.windows == 1));
    // One who computes the rows is told how long it may be.
    let told = GoldenError::TooSlow { decoded: 3, seconds: 0.25 }.to_string();
    assert_eq!(told, "is too long: within 20 s 3 of its windows were decoded; make it no longer than 0.2 s");
    // As many rows as were decoded are not enough where the segment holds more.
    let few = matrix(2, &[0.5; 2]);
    let told =
        check_within(&bundle, &golden, (&segment, &few), &mut decoder, Duration::ZERO).expect_err("rows");
    assert!(
        told[0].problem.ends_with("has 1 rows of 2 numbers, but the segment yields more than 1 of 2"),
        "{told:?}"
    );
    decoder.each = Duration::ZERO;
    let all = check_within(&bundle, &golden, (&segment, &segment), &mut decoder, MOST_TIME);
    assert!(
        all.is_ok_and(|a| a.is_whole() && a.to_string().starts_with("4000 golden windows to the last bit,"))
    );
}
