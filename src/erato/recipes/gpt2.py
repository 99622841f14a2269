"""`gpt2`: a GPT-2 that has read the web, on one's own text (Radford et al., "Language Models are Unsupervised Multitask
Learners", 2019).

Goes on from the checkpoint `gpt2` of the hub (124 million numbers), or from any other causal language model for
transformers: `--pretrained FOLDER`, or a hub name. Its tokenizer is the checkpoint's own. The whole model is trained,
at a small learning rate that first rises and then falls; `--set model.lora=8` trains low-rank adapters only (Hu et al.
2021), which needs less memory; for those, `--set training.optimizer.lr=1e-3` is a good rate.
"""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import PretrainedConfig
from erato.recipe import Recipe
from erato.representations import SubwordsConfig
from erato.sampling import Sampler
from erato.training import Optimizer, Schedule, Training

RECIPE = Recipe(
    name="gpt2",
    summary="text in subwords; a GPT-2 or another checkpoint of transformers, fine-tuned on one's own text",
    corpus="chorale-lyrics",
    representation=SubwordsConfig(checkpoint="gpt2"),
    model=PretrainedConfig(checkpoint="gpt2"),
    windows=Windows(length=256),
    training=Training(
        batch=4,
        optimizer=Optimizer("adamw", lr=5e-5, betas=(0.9, 0.999), weight_decay=0.01),
        schedule=Schedule("cosine", warmup=0.05),
        clip=1.0,
        epochs=3,
        evaluations=10,
        patience=3,
        valid_symbols=10_000,
        precision="auto",
    ),
    sampler=Sampler(temperature=0.8, top_k=50),
    length=200,
    may_end=True,
    listen_length=60,
)

TINY = replace(
    RECIPE,
    representation=SubwordsConfig(size=300),
    model=PretrainedConfig(layers=2, heads=2, width=16, context=32),
    windows=replace(RECIPE.windows, length=16),
    training=replace(RECIPE.training, batch=4, epochs=None, steps=2),
    length=20,
    listen_length=5,
)
