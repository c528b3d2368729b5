"""A Gradio page that does nothing with a picture: what Gradio itself costs."""

import gradio as gr

gr.Interface(lambda _: "nothing", gr.Image(type="filepath"), gr.Label(), api_name="predict").launch()
