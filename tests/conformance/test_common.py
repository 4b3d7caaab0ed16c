"""transformers' own common tests, run on our classes as they are run on the models inside transformers.

A test that cannot apply to a model outside transformers stands in the class below with the reason.
"""

import unittest
import warnings

import pytest
from conformance.model_tester import AttnModelTester, StockModelTester
from conformance.sdist import Unavailable
from conformance.stubs import GenerationTesterMixin
from conformance.suite import import_suite
from transformers.models.auto import modeling_auto

from hf_attn_model import AttnConfig, AttnForConditionalGeneration, AttnModel

try:
    modeling, configuration, training, fsdp, tensor_parallel, generation = import_suite(
        "test_modeling_common",
        "test_configuration_common",
        "test_training_mixin",
        "test_fsdp_mixin",
        "test_tensor_parallel_mixin",
        "generation.test_utils",
    )
except Unavailable as error:
    reason = f"transformers' own tests do not run: {error}"
    warnings.warn(reason, stacklevel=1)  # pytest shows a warning at the end of every run, a skip only when asked
    pytest.skip(reason, allow_module_level=True)


@pytest.fixture(autouse=True)
def _listed_among_the_models_of_transformers(monkeypatch):
    """The tests learn from these tables which class computes a loss, and of what labels."""
    monkeypatch.setitem(modeling_auto.MODEL_MAPPING_NAMES, "hf_attn", "AttnModel")
    translators = modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES
    monkeypatch.setitem(translators, "hf_attn", "AttnForConditionalGeneration")


class AttnModelTest(
    modeling.ModelTesterMixin,
    generation.GenerationTesterMixin,
    training.TrainingTesterMixin,
    fsdp.FSDPTesterMixin,
    tensor_parallel.TensorParallelTesterMixin,
    unittest.TestCase,
):
    all_model_classes = (AttnModel, AttnForConditionalGeneration)
    is_encoder_decoder = True
    test_can_init_all_missing_weights_before_2023 = True  # the year is read from a copyright line, which we have not

    def setUp(self):
        self.model_tester = AttnModelTester()

    def test_config(self):
        configuration.ConfigTester(self, config_class=AttnConfig, d_model=24).run_common_tests()

    @unittest.skipIf(
        generation.GenerationTesterMixin is GenerationTesterMixin, "the tests of generate are not distributed"
    )
    def test_generation_tester_mixin_inheritance(self):
        super().test_generation_tester_mixin_inheritance()

    @pytest.mark.slow  # one batch is learnt by heart by each of our builds in tests/model/test_modeling_attn.py
    def test_training_overfit(self):
        super().test_training_overfit()

    @pytest.mark.slow  # it writes 3,000 tensors as text; `dtype` is tried in tests/model/test_modeling_attn.py
    def test_bc_torch_dtype(self):
        super().test_bc_torch_dtype()

    def _prepare_for_class(self, *arguments, **options):
        """Cut the mask of the target, for which a test takes that of the source, to the length of the target."""
        inputs = super()._prepare_for_class(*arguments, **options)
        if inputs.get("decoder_attention_mask") is not None:
            length = inputs["decoder_input_ids"].shape[1]
            inputs["decoder_attention_mask"] = inputs["decoder_attention_mask"][:, :length]
        return inputs

    def _create_text_training_batch(self, batch_size, seq_length, vocab_size):
        """Make a batch from which the target follows after the one source token that the test later prompts with."""
        target = super()._create_text_training_batch(batch_size, seq_length, vocab_size)["input_ids"]
        mask = target.new_zeros(target.shape)
        mask[:, 0] = 1
        labels = target.roll(-1, dims=1)
        labels[:, -1] = -100
        return {"input_ids": target, "attention_mask": mask, "decoder_input_ids": target, "labels": labels}


class StockChoicesTest(AttnModelTest):
    test_inputs_embeds_matches_input_ids = None  # it embeds the target with the vocabulary of the source
    test_resize_embeddings_untied = None  # it expects a resized source to resize the target
    test_training_overfit = test_bc_torch_dtype = None  # these take long and meet nothing of the other choices

    def setUp(self):
        self.model_tester = StockModelTester()
