use super::wire::number_field;
use super::*;

/// A model with one initializer of 2 x 3, one node and two entries of metadata around the graph.
fn model(tensor_extra: &[u8]) -> Vec<u8> {
    let tensor =
        [number_field(1, 2), number_field(1, 3), string_field(8, "w"), tensor_extra.to_vec()].concat();
    let axis = |n: u64| message_field(1, &number_field(1, n));
    let shape = [axis(1), message_field(1, &string_field(2, "n"))].concat();
    let value = |name: &str| {
        let of = message_field(1, &[number_field(1, 1), message_field(2, &shape)].concat());
        [string_field(1, name), message_field(2, &of)].concat()
    };
    let graph = [
        message_field(1, &string_field(4, "MatMul")),
        message_field(5, &tensor),
        message_field(11, &value("x")),
        message_field(11, &value("w")),
        message_field(12, &value("y")),
    ]
    .concat();
    let entry =
        |key: &str, value: &str| message_field(14, &[string_field(1, key), string_field(2, value)].concat());
    [
        number_field(1, 8),
        string_field(2, "hand"),
        entry("a", "1"),
        message_field(7, &graph),
        entry("bcid.contract", "old"),
        message_field(8, &number_field(2, 13)),
    ]
    .concat()
}

#[test]
fn a_model_tells_what_it_is() {
    let about = about(&model(&[])).expect("a model");
    assert_eq!((about.ir_version, &*about.producer, about.parameters), (8, "hand", 6));
    assert_eq!(about.opsets, ["ai.onnx 13"]);
    assert_eq!(about.inputs, [("x".to_owned(), "float32 [1, n]".to_owned())]);
    assert_eq!(about.outputs, [("y".to_owned(), "float32 [1, n]".to_owned())]);
    assert_eq!(about.operators, BTreeMap::from([("MatMul".to_owned(), 1)]));
    assert_eq!(about.metadata[1], ("bcid.contract".to_owned(), "old".to_owned()));
    assert!(about.external.is_empty());
}

#[test]
fn metadata_is_replaced_and_every_other_byte_stays() {
    let before = model(&[]);
    let after = with_metadata(&before, CONTRACT_KEY, "new, and longer than it was").expect("a model");
    let entry =
        |value: &str| message_field(14, &[string_field(1, CONTRACT_KEY), string_field(2, value)].concat());
    let old = entry("old");
    let at = before.windows(old.len()).position(|w| w == old).expect("it is there");
    let kept = [&before[..at], &before[at + old.len()..]].concat();
    assert_eq!(after, [kept, entry("new, and longer than it was")].concat());
    // Once more changes nothing but the value.
    assert_eq!(
        with_metadata(&after, CONTRACT_KEY, "old").expect("a model").len(),
        before.len(),
        "one entry, not two"
    );
}

#[test]
fn data_in_other_files_is_seen() {
    let location = [string_field(1, "location"), string_field(2, "../weights.bin")].concat();
    let extra = [message_field(13, &location), number_field(14, 1)].concat();
    assert_eq!(about(&model(&extra)).expect("a model").external, ["../weights.bin"]);
    assert_eq!(about(&model(&number_field(14, 1))).expect("a model").external, ["?"]);
}

/// Wherever a model may hold a tensor, and however its number is written.
#[test]
fn data_in_other_files_is_seen_wherever_a_tensor_may_stand() {
    let outside = number_field(14, 1);
    let in_graph = |field: u64, content: &[u8]| message_field(7, &message_field(field, content));
    let attribute =
        |field: u64, content: &[u8]| in_graph(1, &message_field(5, &message_field(field, content)));
    let within = message_field(1, &outside);
    for (place, model) in [
        ("a sparse initializer", in_graph(15, &within)),
        ("an attribute", attribute(5, &outside)),
        ("an attribute of many", attribute(10, &outside)),
        ("a sparse attribute", attribute(22, &within)),
        ("a sparse attribute of many", attribute(23, &within)),
        ("a graph within", attribute(6, &message_field(5, &outside))),
        (
            "what a function takes for granted",
            [message_field(7, &[]), message_field(25, &message_field(11, &message_field(5, &outside)))]
                .concat(),
        ),
        (
            "what trains it",
            [message_field(7, &[]), message_field(20, &message_field(2, &message_field(5, &outside)))]
                .concat(),
        ),
        ("a number of which the low bits are read", in_graph(5, &number_field(14, (1 << 32) | 1))),
    ] {
        assert_eq!(about(&model).expect("a model").external, ["?"], "{place}");
    }
}

#[test]
fn a_text_that_is_not_utf_8_hides_nothing() {
    let outside = model(&number_field(14, 1));
    for field in [2u64, 3, 6] {
        let spoilt = [outside.clone(), message_field(field, &[0xff])].concat();
        assert_eq!(about(&spoilt).expect("a model").external, ["?"], "field {field}");
    }
    let spoilt =
        model(&message_field(13, &[string_field(1, "location"), message_field(2, &[0xff])].concat()));
    assert_eq!(about(&spoilt).expect("a model").external, ["\u{fffd}"]);
}

#[test]
fn what_readers_may_read_differently_is_refused() {
    let whole = model(&[]);
    // A group, begun and ended, as a field that nobody knows.
    let group = [whole.clone(), vec![0x9b, 0x06, 0x9c, 0x06]].concat();
    assert_eq!(about(&group), Err(NotOnnx("it is no protocol buffer")));
    // The tag of the graph with a bit beyond the 32 that other readers keep.
    let high = [whole.clone(), vec![0xba, 0x80, 0x80, 0x80, 0x10, 0]].concat();
    assert_eq!(about(&high), Err(NotOnnx("it is no protocol buffer")));
    assert_eq!(
        about(&[whole.clone(), message_field(7, &[])].concat()),
        Err(NotOnnx("it must hold one graph"))
    );
    let two = message_field(5, &[message_field(6, &[]), message_field(6, &[])].concat());
    assert_eq!(
        about(&message_field(7, &message_field(1, &two))),
        Err(NotOnnx("an attribute in it holds two graphs where one may stand"))
    );
}

#[test]
fn what_is_damaged_is_refused_and_never_a_panic() {
    let whole = model(&[]);
    for cut in 0..whole.len() {
        let _ = about(&whole[..cut]);
        let _ = with_metadata(&whole[..cut], "k", "v");
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            let _ = about(&damaged);
        }
    }
    assert_eq!(about(&[]), Err(NotOnnx("it must hold one graph")));
    assert_eq!(about(&whole[..whole.len() - 1]), Err(NotOnnx("it is cut short")));
    assert_eq!(about(b"not a model"), Err(NotOnnx("it is no protocol buffer")));
    // A length beyond everything.
    assert!(about(&[0x3a, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]).is_err());
    let mut deep = message_field(1, &string_field(4, "If"));
    for _ in 0..100 {
        let attribute = message_field(5, &message_field(6, &deep));
        deep = message_field(1, &attribute);
    }
    assert_eq!(about(&message_field(7, &deep)), Err(NotOnnx("its graphs lie too deep within each other")));
}
