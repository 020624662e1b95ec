"""A server of LitServe for one scikit-learn model, with two workers, on the port `PORT`."""

import os

import litserve
import table


class Serving(litserve.LitAPI):
    """The estimator in the file `MODEL`."""

    def setup(self, device):
        self.model = table.load()

    def decode_request(self, request):
        return request["rows"]

    def predict(self, rows):
        return table.answer(self.model, rows)


if __name__ == "__main__":
    server = litserve.LitServer(Serving(), accelerator="cpu", workers_per_device=2)
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), generate_client_file=False, log_level="warning")
