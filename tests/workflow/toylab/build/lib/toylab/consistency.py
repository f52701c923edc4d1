"""A SEMI with its own views, loss and teacher: two views of an image are to be predicted alike."""

import copy

import torch
from torch.nn import functional

from wholepool.learn.loop import Phase, cut
from wholepool.learn.optimizer import Sgd, annealed
from wholepool.learn.views import moved

READS = ("semi",)


def phase(context):
    return Consistency(context)


class Consistency(Phase):
    name, key, keeps = "semi", "semi.lr", ("optimizer", "teacher", "distance")

    def __init__(self, here):
        self.here, self.settings = here, here.settings["semi"]
        self.decay = here.settings["consistency"]["decay"]
        self.epochs, self.work = self.settings["epochs"], 2.0 * len(here.views)
        self.optimizer = Sgd(here.network, 0.9, True, 0.0)
        self.teacher = copy.deepcopy(here.network)
        self.distance = torch.zeros((), device=here.device)

    def begin(self, epoch, busy):
        if epoch == 0:
            self.teacher.load_state_dict(self.here.network.state_dict())
        order = self.here.rng.permutation(len(self.here.views))
        return [
            [batch, self.here.rng.permutation(len(self.here.labeled))]
            for batch in cut(order, 16, False)
        ]

    def rate(self, epoch):
        return annealed(self.settings, epoch)

    def step(self, batch, rate):
        here, views = self.here, self.here.views
        images, chosen = batch
        targets = moved(here.labels[chosen], here.device, torch.long)
        loss = functional.cross_entropy(
            here.network(views.augmented(here.labeled[chosen], here.rng)), targets
        )
        with torch.no_grad():
            wanted = self.teacher(views.plain(images)).softmax(dim=1)
        found = here.network(views.augmented(images, here.rng)).softmax(dim=1)
        self.distance = functional.mse_loss(found, wanted)
        self.optimizer.step(loss + self.distance, rate)
        self.distance = self.distance.detach()
        with torch.no_grad():
            pairs = zip(self.teacher.parameters(), here.network.parameters(), strict=True)
            for mine, theirs in pairs:
                mine.lerp_(theirs, 1 - self.decay)
        return loss.detach()

    def end(self, batches):
        images = sum(len(images) + len(chosen) for images, chosen in batches)
        return {"images": images, "distance": float(self.distance)}

    def result(self):
        return self.teacher.state_dict()
