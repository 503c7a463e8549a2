"""Writes logistic.in: what scikit-learn's logistic regression says of a few points, for src/train/logistic.rs.

    pip install scikit-learn==1.9.1
    python make.py
"""

import pathlib

import numpy as np
from sklearn.linear_model import LogisticRegression

i = np.arange(30)
x = np.stack([np.sin(i * 0.7) + i % 3, np.cos(i * 1.3)], axis=1)
model = LogisticRegression(C=2.0, tol=1e-12, max_iter=10000).fit(x, i % 3)
points = np.array([[0.0, 0.0], [1.0, -0.5], [2.5, 0.5], [-1.0, 1.0]])
rows = [f"    ([{a!r}, {b!r}], [{', '.join(repr(float(p)) for p in row)}])," for (a, b), row in zip(points.tolist(), model.predict_proba(points))]
text = "[\n" + "\n".join(rows) + "\n]\n"
(pathlib.Path(__file__).parent / "logistic.in").write_text(text, encoding="utf-8")
