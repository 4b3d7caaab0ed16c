import pytest


def test_it_finds_the_better_of_two_learning_rates(recipe):
    best, trainer = recipe["best"], recipe["trainer"]
    losses = {}
    for rate in (1e-6, 1e-2):
        trainer.args.learning_rate = rate
        trainer.train()
        losses[rate] = trainer.evaluate()["eval_loss"]
    assert losses[1e-2] < 0.9 * losses[1e-6]
    assert best.hyperparameters == {"learning_rate": 1e-2}
    assert best.objective == pytest.approx(losses[1e-2], rel=1e-3)
