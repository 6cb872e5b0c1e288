"""The public names are a promise: changing them is a decision, not an accident."""

import soensim


def test_public_names() -> None:
    assert soensim.__all__ == [
        "Dataset",
        "Evaluation",
        "Netlist",
        "Network",
        "Program",
        "RoutedNetlist",
        "SoensimError",
        "Trace",
        "TrainResult",
        "compile_network",
        "evaluate",
        "load_dataset",
        "load_netlist",
        "make_recipe",
        "route",
        "simulate",
        "train",
    ]
    assert all(hasattr(soensim, name) for name in soensim.__all__)


def test_verbs_that_are_also_rooms_are_functions() -> None:
    import soensim.evaluate.score
    import soensim.simulate.engine
    import soensim.train.loop

    assert callable(soensim.simulate)
    assert callable(soensim.train)
    assert callable(soensim.evaluate)
