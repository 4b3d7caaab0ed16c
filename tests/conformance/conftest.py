"""The marks that transformers' tests bear."""

MARKS = (
    "accelerate_tests flash_attn_test flash_attn_3_test flash_attn_4_test generate is_fsdp_test "
    "is_tensor_parallel_test is_training_test order slow torch_compile_test torch_export_test"
)


def pytest_configure(config):
    for mark in MARKS.split():
        config.addinivalue_line("markers", f"{mark}: of transformers' own tests")
