"""A service of BentoML for one scikit-learn model, with two workers."""

import bentoml
import table


@bentoml.service(workers=2)
class Serving:
    """The estimator in the file `MODEL`."""

    def __init__(self):
        self.model = table.load()

    @bentoml.api
    def predict(self, rows: list[dict]) -> dict:
        """Labels and probabilities."""
        return table.answer(self.model, rows)
