"""python -m precompute: build stores, look into models, check stores."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from core.recipe import Recipe
from data import progress
from data.store import ARTIFACTS
from precompute import arguments
from precompute.disk import full, leftovers, remove
from precompute.interrupts import heeded

DEMO = Path(__file__).parent / "recipes" / "aviary.toml"
_APP = Path(__file__).parents[1] / "app"


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 the input was at fault (a sentence on stderr), 2 wrong usage."""
    options = arguments.parser().parse_args(argv)
    return _told(lambda: _COMMANDS[options.command](options), options)


def _told(work: Callable[[], int], options: argparse.Namespace) -> int:
    """What `work` returns; why it failed is a sentence on stderr."""
    try:
        with heeded():
            return work()
    except MemoryError as error:
        print(
            f"error: there is not enough memory ({error}); the same command resumes where this one "
            "left off. A smaller batch, fewer concepts or a layer with fewer tokens needs less",
            file=sys.stderr,
        )
        return 1
    except Exception as error:
        said = full(error, getattr(options, "out", None) or ARTIFACTS)
        if not said and not isinstance(error, ValueError | OSError):
            raise
        print(f"error: {said or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; the same command resumes where this one left off", file=sys.stderr)
        return 130


def _demo(options: argparse.Namespace) -> int:
    text = DEMO.read_text(encoding="utf-8")
    recipe = arguments.from_text(text)
    if options.train:
        from precompute.intake import train_demo  # torch takes seconds to import

        print(f"trained {train_demo(recipe, out=options.out)}")
    return _build(recipe, text, options)


def _run(options: argparse.Namespace) -> int:
    if options.list_layers:
        if not options.model:
            raise ValueError("--list-layers needs --model")
        return _layers(options)
    recipe, text = arguments.recipe(options)
    return _build(recipe, text, options)


def _build(recipe: Recipe, text: str, options: argparse.Namespace) -> int:
    # torch takes seconds to import; neither --help nor the app waits for it
    if options.dry_run:
        from precompute import forecast

        print(forecast.forecast(recipe, out=options.out, device=options.device))
        return 0
    apps: list[subprocess.Popen[bytes]] = []

    def build() -> int:
        with progress.reported(options.out, recipe.name):
            if options.open:
                apps.append(subprocess.Popen([sys.executable, str(_APP), str(options.out)]))
            from precompute.read_images import reading_begun

            with reading_begun(recipe.dataset, options.out) as read:
                from precompute import pipeline
                from precompute.ending import ending

                path = pipeline.run(
                    recipe,
                    text=text,
                    out=options.out,
                    device=options.device,
                    keep_work=options.keep_work,
                    read=read,
                )
            progress.finish(path)
        print(f"{path}\n{ending(path)}")
        if not apps:
            print(f"look at it with: {_app(path)}")
        return 0

    status = _told(build, options)
    with suppress(KeyboardInterrupt):
        for app in apps:  # until it is stopped
            app.wait()
    return status


def _layers(options: argparse.Namespace) -> int:
    from core.backbones import list_layers

    size = arguments.size(options.size)
    listing = list_layers(options.model, family=options.family, size=size)
    print(f"{'layer':<48} {'grid':>9} {'width':>6} {'extra':>5}  kind")
    for info in listing.layers:
        grid = f"{info.grid.h} x {info.grid.w}"
        mark = "default: " if info.default else "not the default: " if info.why else ""
        why = f"  ({mark}{info.why})" if info.why else ""
        print(f"{info.name:<48} {grid:>9} {info.width:>6} {info.n_extra:>5}  {info.kind}{why}")
    if listing.refused:
        print(f"none of them can be the default: {listing.refused}; name one with --layer")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from precompute.doctor import examine

    findings = examine(Path(options.db))
    for finding in findings:
        print(f"{finding.level:<8} {finding.message}")
    bad = sum(finding.level == "error" for finding in findings)
    print(f"{Path(options.db).name}: {bad} errors in {len(findings)} findings")
    return 1 if bad else 0


def _name(options: argparse.Namespace) -> int:
    from precompute.other_vocabulary import name_again

    path = name_again(
        Path(options.db),
        vocabulary=Path(options.vocabulary),
        model=options.text_model,
        template=options.template,
        out=options.out,
        device=options.device,
    )
    print(f"{path}\nlook at it with: {_app(path)}")
    return 0


def _clean(options: argparse.Namespace) -> int:
    found = leftovers(options.out)
    for item in found:
        print(f"{item.n_bytes / 1e6:>10,.1f} MB  {item.what:<19}  {item.path}")
        if options.remove:
            remove(item, lambda sentence: print(sentence, file=sys.stderr))
    total = sum(item.n_bytes for item in found) / 1e6
    then = "removed" if options.remove else "to be removed by the same command with --remove"
    print(f"{total:>10,.1f} MB in {len(found)} places{f', {then}' if found else ''}")
    return 0


def _app(store: Path) -> str:
    """The command that opens a store, from the working directory."""
    name = "-m app" if _APP.parent == Path.cwd() else shlex.quote(str(_APP))
    return f"python {name} {shlex.quote(str(store))}"


def _export(options: argparse.Namespace) -> int:
    from precompute import export

    if bool(options.bank) == bool(options.form):
        raise ValueError("export needs one of --bank TITLE and --as FORM")
    whole = {
        "parquet": export.export_tables,
        "dataset": export.export_images,
        "fiftyone": export.export_fiftyone,
    }
    path = Path(options.db)
    if options.bank:
        print(export.export_bank(path, options.bank, options.to))
    else:
        print(whole[options.form](path, options.to))
    return 0


def _push(options: argparse.Namespace) -> int:
    from precompute.export import push

    print(push(options.folder, options.repository, public=options.public))
    return 0


def _pull(options: argparse.Namespace) -> int:
    from precompute.export import pull

    print(pull(options.repository, options.to, dataset=options.dataset))
    return 0


_COMMANDS = {
    "demo": _demo,
    "run": _run,
    "layers": _layers,
    "doctor": _doctor,
    "clean": _clean,
    "name": _name,
    "export": _export,
    "push": _push,
    "pull": _pull,
}

if __name__ == "__main__":
    sys.exit(main())
