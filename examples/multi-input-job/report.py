"""The downstream job: says what it was started for."""

import json
import os

parameters = json.loads(os.environ["TIDEGATE_PARAMETERS"])
print(json.dumps({"analysed": parameters["input_datasets"], "for": parameters["business_date"]}))
