use super::number;
use super::wire::{message_field, number_field, string_field};

/// A model of a few matrices: a posterior that is the softmax of scores linear in features, or in the logarithms of powers that
/// are themselves linear in features. It computes in double precision: a discriminant of powers that go together has large weights of
/// both signs, of whose sum single precision leaves four digits.
#[derive(Clone, Debug, PartialEq)]
pub struct Readout {
    /// Features: the model's input, called `features`, is `[1 x features x 1]`.
    pub features: usize,
    /// `[powers x features]`, where there are such.
    pub powers: Option<Vec<f64>>,
    /// `[classes x features]`, or `[classes x powers]`.
    pub weights: Vec<f64>,
    /// One a class; the output, called `posterior`, is `[1 x classes]`.
    pub bias: Vec<f64>,
}

/// `TensorProto.FLOAT` and `DOUBLE`.
const FLOAT: u64 = 1;
const DOUBLE: u64 = 11;
/// `AttributeProto.INT`.
const INT: u64 = 2;
/// Powers below this are taken for this.
const LEAST_POWER: f64 = 1e-30;

impl Readout {
    /// The model, as the bytes of an ONNX file.
    ///
    /// # Panics
    /// When the matrices are not of one size.
    #[must_use]
    pub fn model(&self) -> Vec<u8> {
        let (features, classes) = (self.features, self.bias.len());
        let width = self.powers.as_ref().map_or(features, |powers| powers.len() / features.max(1));
        assert_eq!(self.weights.len(), classes * width, "weights of {classes} classes and {width} numbers");
        let mut nodes = vec![
            node("Flatten", &["features"], "single", &[("axis", 1)]),
            node("Cast", &["single"], "flat", &[("to", DOUBLE)]),
        ];
        let mut constants = Vec::new();
        let scored = if let Some(powers) = &self.powers {
            assert_eq!(powers.len(), width * features, "whole rows");
            constants.push(tensor("powers", &[width, features], powers));
            constants.push(tensor("least", &[1], &[LEAST_POWER]));
            nodes.push(node("Gemm", &["flat", "powers"], "power", &[("transB", 1)]));
            nodes.push(node("Max", &["power", "least"], "positive", &[]));
            nodes.push(node("Log", &["positive"], "log_power", &[]));
            "log_power"
        } else {
            "flat"
        };
        constants.push(tensor("weights", &[classes, width], &self.weights));
        constants.push(tensor("bias", &[classes], &self.bias));
        nodes.push(node("Gemm", &[scored, "weights", "bias"], "scores", &[("transB", 1)]));
        nodes.push(node("Softmax", &["scores"], "shares", &[("axis", 1)]));
        nodes.push(node("Cast", &["shares"], "posterior", &[("to", FLOAT)]));
        let graph = [
            nodes.concat(),
            string_field(2, "readout"),
            constants.concat(),
            message_field(number::GRAPH_INPUT, &value("features", &[1, features, 1])),
            message_field(number::GRAPH_OUTPUT, &value("posterior", &[1, classes])),
        ]
        .concat();
        [
            number_field(number::MODEL_IR_VERSION, 8),
            string_field(number::MODEL_PRODUCER, "bcid"),
            string_field(number::MODEL_PRODUCER_VERSION, env!("CARGO_PKG_VERSION")),
            message_field(number::MODEL_GRAPH, &graph),
            message_field(number::MODEL_OPSET, &number_field(2, 13)),
        ]
        .concat()
    }
}

fn node(operator: &str, inputs: &[&str], output: &str, settings: &[(&str, u64)]) -> Vec<u8> {
    let setting = |(name, n): &(&str, u64)| {
        let attribute = [string_field(1, name), number_field(3, *n), number_field(20, INT)].concat();
        message_field(number::NODE_ATTRIBUTE, &attribute)
    };
    let node = [
        inputs.iter().flat_map(|input| string_field(1, input)).collect(),
        string_field(2, output),
        string_field(number::NODE_OPERATOR, operator),
        settings.iter().flat_map(setting).collect(),
    ]
    .concat();
    message_field(number::GRAPH_NODE, &node)
}

fn tensor(name: &str, shape: &[usize], values: &[f64]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let tensor = [
        shape.iter().flat_map(|n| number_field(number::TENSOR_DIMS, *n as u64)).collect(),
        number_field(2, DOUBLE),
        string_field(number::TENSOR_NAME, name),
        message_field(9, &raw),
    ]
    .concat();
    message_field(number::GRAPH_INITIALIZER, &tensor)
}

fn value(name: &str, shape: &[usize]) -> Vec<u8> {
    let axes: Vec<u8> = shape.iter().flat_map(|n| message_field(1, &number_field(1, *n as u64))).collect();
    let of = message_field(1, &[number_field(1, FLOAT), message_field(2, &axes)].concat());
    [string_field(1, name), message_field(2, &of)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::about;

    #[test]
    fn what_is_written_is_read() {
        let readout =
            Readout { features: 3, powers: Some(vec![0.5; 6]), weights: vec![1.0; 4], bias: vec![0.0, 1.0] };
        let about = about(&readout.model()).expect("a model");
        assert!(about.ir_version == 8 && about.producer.starts_with("bcid "), "{about:?}");
        let operators: Vec<_> = about.operators.iter().map(|(name, n)| format!("{name} {n}")).collect();
        assert_eq!(operators, ["Cast 2", "Flatten 1", "Gemm 2", "Log 1", "Max 1", "Softmax 1"]);
        assert_eq!(about.parameters, 6 + 1 + 4 + 2);
        assert_eq!(about.inputs.len() + about.outputs.len(), 2, "{about:?}");
    }
}
