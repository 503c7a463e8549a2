"""ATCNet in Keras, with given weights: what the converted network is held against. Needs TensorFlow."""

import numpy as np


def outputs(weights: dict[str, np.ndarray], windows: np.ndarray) -> np.ndarray:
    """`[windows, 4]` posteriors of standardised `[windows, 22, 1125]`."""
    from keras import Model, layers

    start = layers.Input((windows.shape[1], windows.shape[2], 1))
    made: dict[str, list] = {}

    def layer(kind: str, built) -> object:
        made.setdefault(kind, []).append(built)
        return built

    def norm(at):
        return layer("batch_normalization", layers.BatchNormalization(epsilon=1e-3))(at)

    at = layers.Permute((2, 1, 3))(start)
    at = norm(layer("conv2d", layers.Conv2D(16, (64, 1), padding="same", use_bias=False))(at))
    at = layer("depthwise_conv2d", layers.DepthwiseConv2D((1, windows.shape[1]), depth_multiplier=2, use_bias=False))(
        at
    )
    at = layers.AveragePooling2D((8, 1))(layers.ELU()(norm(at)))
    at = norm(layer("conv2d", layers.Conv2D(32, (16, 1), padding="same", use_bias=False))(at))
    at = layers.AveragePooling2D((7, 1))(layers.ELU()(at))
    frames = layers.Reshape((20, 32))(at)
    branches = []
    for n in range(5):
        at = layers.Cropping1D((n, 4 - n))(frames)
        normal = layer("layer_normalization", layers.LayerNormalization(epsilon=1e-6))(at)
        heads = layer("multi_head_attention", layers.MultiHeadAttention(num_heads=2, key_dim=8))
        at = layers.Add()([at, heads(normal, normal)])
        for dilation in (1, 2):
            before = at
            for _ in range(2):
                conv = layer("conv1d", layers.Conv1D(32, 4, dilation_rate=dilation, padding="causal"))
                at = layers.ELU()(norm(conv(at)))
            at = layers.ELU()(layers.Add()([at, before]))
        last = layers.Flatten()(layers.Cropping1D((15, 0))(at))
        branches.append(layer("dense", layers.Dense(4))(last))
    model = Model(start, layers.Softmax()(layers.Average()(branches)))
    _give(made, weights)
    return model.predict(windows[..., None], verbose=0)


def _give(made: dict[str, list], weights: dict[str, np.ndarray]) -> None:
    orders = {
        "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
        "layer_normalization": ("gamma", "beta"),
        "conv1d": ("kernel", "bias"),
        "dense": ("kernel", "bias"),
        "conv2d": ("kernel",),
        "depthwise_conv2d": ("depthwise_kernel",),
        "multi_head_attention": tuple(
            f"{part}.{what}" for part in ("query", "key", "value", "attention_output") for what in ("kernel", "bias")
        ),
    }
    for kind, built in made.items():
        for n, one in enumerate(built):
            values = []
            for variable in one.variables:
                name, owner = variable.path.split("/")[-1], variable.path.split("/")[-2]
                match = [
                    o for o in orders[kind] if o.split(".")[-1] == name and ("." not in o or o.split(".")[0] == owner)
                ]
                match = match or [o for o in orders[kind] if o == f"depthwise_{name}"]
                values += [weights[f"{kind}.{n}.{found}"] for found in match]
            assert len(values) == len(one.get_weights()), kind
            one.set_weights(values)
