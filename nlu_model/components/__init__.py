"""What runs inside Rasa's process (Python 3.10): the parts of the pipeline in `config.yml`."""
