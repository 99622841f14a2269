"""The best of several draws for the same given tracks: whom the critic is asked about, and what is taken."""

import torch
from torch import nn

from erato.models.base import LatentModel
from erato.representations.base import Rolls
from erato.sampling import Latents
from erato.sampling.latent import best_of


class Told(nn.Module):
    """Likes high pitches where it knows that the first track is given, else low ones."""

    def forward(self, rolls, known=None):
        pitches = ((rolls + 1) / 2 * torch.arange(rolls.shape[-1])).flatten(1).sum(1)
        return pitches if known is not None and known.tolist() == [[1.0, 0.0]] * len(rolls) else -pitches


class Nearest(LatentModel):
    """Writes the latent, rounded, in all that is not given."""

    def __init__(self):
        super().__init__()
        self.space, self.latents, self.conditional = Rolls(2, 1, 4, 20), {"chords": (1,)}, True
        self.generator, self.critic = nn.Linear(1, 1), Told()

    def rolls(self, phrases):
        return torch.where(phrases.transpose(1, 2)[:, :, None, :, None] == torch.arange(20), 1.0, -1.0)

    def generate(self, latents, given=None):
        raise AssertionError("what is composed is written")

    def write(self, latents, given=None):
        return torch.where(given >= 0, given, latents["chords"].round().long()[:, None])


def test_the_critic_knows_what_is_given_and_its_choice_is_taken_phrase_by_phrase():
    given = torch.tensor([[[7, -1]] * 4, [[9, -1]] * 4])
    draws = Latents({"chords": torch.tensor([[3.0], [11.0], [5.0], [2.0], [4.0], [1.0]])})  # three a phrase
    found = best_of(Nearest(), given, draws)
    assert found.tolist() == [[[7, 11]] * 4, [[9, 4]] * 4]
