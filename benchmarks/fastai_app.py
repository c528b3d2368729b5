"""What people build today: a fastai learner behind gr.Interface. Run with the path of an export.pkl."""

import sys

import gradio as gr
from fastai.vision.all import PILImage, load_learner

learn = load_learner(sys.argv[1])


def predict(image):
    _, _, probabilities = learn.predict(PILImage.create(image))
    return dict(zip(learn.dls.vocab, map(float, probabilities), strict=True))


gr.Interface(predict, gr.Image(type="pil"), gr.Label(), api_name="predict").launch()
