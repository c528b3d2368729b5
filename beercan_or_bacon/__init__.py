"""Beer can or bacon: from search terms to an embeddable image classifier.

`serving` is what the page needs (ONNX Runtime, Pillow, Gradio; no torch, no fastai); `training` is the pipeline.
"""
