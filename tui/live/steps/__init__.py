"""The steps of an execution as a list shows them: by urgency, fan-outs and folds."""
