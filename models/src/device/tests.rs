use super::*;

fn event(node: &str, operator: &str, provider: &str) -> String {
    format!(
        r#"{{"cat":"Node","name":"{node}_kernel_time","args":{{"op_name":"{operator}","provider":"{provider}ExecutionProvider"}}}}"#
    )
}

fn trace(nodes: &[(&str, &str)]) -> Vec<Ran> {
    let mut events = vec![r#"{"cat":"Session","name":"model_run","args":{}}"#.to_owned()];
    for (i, (operator, provider)) in nodes.iter().enumerate() {
        let node = format!("n{i}");
        events.push(format!(r#"{{"cat":"Node","name":"{node}_fence_before","args":{{}}}}"#));
        events.push(event(&node, operator, provider));
        events.push(event(&node, operator, provider));
    }
    super::nodes(&format!("[{}]", events.join(","))).expect("a trace")
}

#[test]
fn nodes_are_counted_once_by_who_ran_them() {
    let ran = trace(&[("Conv", "CUDA"), ("Shape", "CPU"), ("MatMul", "CUDA")]);
    assert_eq!(by_provider(&ran), [("CUDA".to_owned(), 2), ("CPU".to_owned(), 1)]);
    assert_eq!(ran_on_cuda(&ran), Ok(()));
    assert_eq!(ran_on_cpu(&ran), Err("CUDA ran Conv".to_owned()));
}

#[test]
fn what_computes_on_the_processor_is_no_run_on_cuda() {
    let split = trace(&[("Conv", "CUDA"), ("Elu", "CPU"), ("Reshape", "CPU"), ("Conv", "CPU")]);
    assert_eq!(ran_on_cuda(&split), Err("CUDA did not run Conv, Elu".to_owned()));
    assert_eq!(branching(&split), 0);
    // Bookkeeping alone is no run there either: every node fell back.
    assert_eq!(ran_on_cuda(&trace(&[("Reshape", "CPU")])), Err("CUDA ran no node".to_owned()));
    assert_eq!(ran_on_cuda(&[]), Err("CUDA ran no node".to_owned()));
    assert_eq!(ran_on_cpu(&[]), Ok(()));
}

#[test]
fn a_trace_that_says_nothing_proves_nothing() {
    assert!(super::nodes("").is_err() && super::nodes("[{").is_err());
    let silent = r#"[{"cat":"Node","name":"a_kernel_time","args":{"op_name":"Conv"}}]"#;
    assert!(super::nodes(silent).expect_err("no provider").contains("who ran the node \"a\""));
}

#[test]
fn every_word_is_its_device() {
    for (word, device) in Device::WORDS {
        assert_eq!((Device::parse(word), device.word()), (Some(device), word));
    }
    assert_eq!(Device::parse("gpu"), None);
}

/// One node there does not make a run there: what takes the time must be among it.
#[test]
fn a_heavy_model_of_bookkeeping_with_one_node_on_cuda_is_no_run_there() {
    let shifting = ["Gather", "Where", "Concat", "Slice", "Expand"].map(|operator| (operator, "CPU"));
    let with = |more: (&'static str, &'static str)| trace(&[&shifting[..], &[more]].concat());
    assert_eq!(
        ran_on_cuda(&with(("Mul", "CUDA"))),
        Err("of 6 nodes CUDA ran 1, and none of them is one of Conv, MatMul, Gemm, Attention, Einsum, LSTM, GRU, RNN".to_owned())
    );
    for operator in [
        "Conv",
        "FusedConv",
        "ConvTranspose",
        "MatMul",
        "TransposeMatMul",
        "FusedGemm",
        "DynamicQuantizeLSTM",
        "GRU",
    ] {
        assert_eq!(ran_on_cuda(&with((operator, "CUDA"))), Ok(()), "{operator}");
        assert_eq!(ran_on_cuda(&with((operator, "CPU"))), Err(format!("CUDA did not run {operator}")));
    }
}

#[test]
fn a_proof_says_of_what_it_proves_nothing() {
    let ran = trace(&[("MatMul", "CPU"), ("If", "CPU"), ("Add", "CPU"), ("Loop", "CPU")]);
    let proof = Proof {
        asked: Device::Cpu,
        provider: "CPU".to_owned(),
        nodes: by_provider(&ran),
        branching: branching(&ran),
        degraded: None,
    };
    assert_eq!(
        proof.to_string(),
        "ran on CPU (4 nodes on CPU); 2 of them branch, and of branches not taken nothing is known"
    );
    let told = Proof { branching: 1, ..proof }.to_string();
    assert!(told.ends_with("; 1 of them branches, and of branches not taken nothing is known"), "{told}");
}

/// Of some 30 000 events: what is quadratic in them takes minutes.
#[test]
fn a_long_trace_is_read_in_no_time() {
    let events: Vec<String> = (0..30_000).map(|n| event(&format!("n{n}"), "Add", "CPU")).collect();
    let text = format!("[{}]", events.join(","));
    let begun = std::time::Instant::now();
    assert_eq!(super::nodes(&text).expect("a trace").len(), 30_000);
    assert!(begun.elapsed().as_secs_f64() < 5.0, "{:?}", begun.elapsed());
}

/// None of them would be refused on a GPU for want of anything that computes.
#[test]
fn every_shipped_decoder_holds_what_a_proof_on_a_gpu_asks_for() {
    let zoo = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("zoo");
    let models: Vec<_> = std::fs::read_dir(zoo)
        .expect("the zoo")
        .map(|entry| entry.expect("an entry").path().join("model.onnx"))
        .filter(|model| model.is_file())
        .collect();
    assert!(!models.is_empty());
    for model in models {
        let about = crate::onnx::about(&std::fs::read(&model).expect("a model")).expect("ONNX");
        let computes = |operator: &String| COMPUTING.iter().any(|part| operator.contains(part));
        assert!(about.operators.keys().any(computes), "{}: {:?}", model.display(), about.operators);
    }
}
