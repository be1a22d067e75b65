# make demo and make test set up all they need; see README.md.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# Half of what the tests do is to wait for servers: three keep two processors at work.
TEST_PROCESSES ?= 3
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
comma := ,
NATIVE := CMakeLists.txt $(wildcard nsynth_batch/native/*.cpp nsynth_batch/native/*/*.[ch]pp)

.PHONY: demo test lint docs bench dev magenta-env manifests-env small-model demo-model spectral-model generator-models frames-model samplernn-model wavenet-model generator-sounds hdfs hdfs-stop s3 s3-stop s3-server clean

demo: .venv/installed
	$(BIN)/nsynth-batch demo --out demo-out

test: dev magenta-env manifests-env s3-server
	# Where Python writes no bytecode, a thousand processes would compile the sources each time.
	$(BIN)/python -m compileall -q hdfs_jobs nsynth_batch sequencer tests
	.venv-magenta/bin/python -m pytest tests/system/parity
	$(BIN)/python -m pytest --ignore tests/system/parity -n $(TEST_PROCESSES) --dist loadfile \
	  --no-loadscope-reorder

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# build/docs/index.html opens from a disk, without a net.
docs: dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: dev
	$(BIN)/python -m benchmarks

dev: .venv/installed-dev

magenta-env:
	sh scripts/magenta-env.sh

manifests-env: dev
	sh scripts/manifests-env.sh

# A real NameNode and DataNode on loopback, left running; prints their two URLs.
hdfs:
	@$(PYTHON) -m tests.components.hadoop

hdfs-stop:
	@$(PYTHON) -m tests.components.hadoop stop

# A real server of S3 on loopback, left running; prints its bucket's URL and what a shell needs.
s3: dev
	@$(BIN)/python -m tests.components.s3

s3-stop:
	@$(PYTHON) -m tests.components.s3 stop

# Built by Go once, for minutes; without Go its tests are skipped.
s3-server: dev
	@! command -v go >/dev/null || $(BIN)/python -m tests.components.s3 build

# Trains the bundled models again; nsynth_batch/checkpoints/*.md say what they need.
TRAIN = TF_ENABLE_ONEDNN_OPTS=1 $(BIN)/nsynth-batch train
SMALL_CORPUS = --from build/small-corpus/train --held-out build/small-corpus/held-out \
  --augment --seed 1
small-model: dev
	$(BIN)/python scripts/small_corpus.py build/small-corpus
	$(TRAIN) build/small-encoder --init small-0.1 --size ae_width=64 --size ae_bottleneck=64 \
	  $(SMALL_CORPUS) --steps 9000 --encoder-steps 9000 --decay-steps 6000 --crop-samples 8192
	$(TRAIN) build/small --init build/small-encoder $(SMALL_CORPUS) --keep-encoder --steps 800 \
	  --decay-steps 600 --crop-samples 8192

# From a few sounds to all of them: the pitch comes sooner, and stays.
FIRST_SOUNDS = ambi_choir ambi_drone ambi_glass_hum ambi_haunted_hum loop_safari misc_crow
demo-model: dev
	mkdir -p build/demo-first-sounds
	cp $(FIRST_SOUNDS:%=/usr/share/sonic-pi/samples/%.flac) build/demo-first-sounds
	$(TRAIN) build/demo-first --init small-0.1 --from build/demo-first-sounds \
	  --steps 8000 --decay-steps 2000 --seed 1
	$(TRAIN) build/demo --init build/demo-first --from nsynth_batch/recordings \
	  --steps 2250 --decay-steps 1 --seed 1
	$(TRAIN) build/demo --init build/demo-first --from nsynth_batch/recordings \
	  --steps 16000 --decay-steps 28000 --seed 1

spectral-model: dev
	$(BIN)/python scripts/small_corpus.py build/small-corpus
	$(TRAIN) build/spectral --family spectral --from build/small-corpus/train \
	  --held-out build/small-corpus/held-out --steps 10000 --decay-steps 7000 --batch 4 \
	  --seed 1 --augment --listen-steps 2000

# Minutes each, of the bundled recordings but five that are held out: no more than rows of a table.
HELD_OUT_SOUNDS = ambi_choir ambi_drone ambi_glass_hum loop_safari misc_crow
GENERATORS = build/generators
generator-models: frames-model samplernn-model wavenet-model
frames-model: FLAGS = --steps 3000
samplernn-model: FLAGS = --steps 1200
wavenet-model: FLAGS = --steps 2000 --decay-steps 375 --crop-samples 4096 --recipe free-running
frames-model samplernn-model wavenet-model: generator-sounds
	$(TRAIN) $(GENERATORS)/$(@:-model=) --family $(@:-model=) --preset tiny $(FLAGS) \
	  --from $(GENERATORS)/sounds --held-out $(GENERATORS)/held-out --seed 1 --listen-steps 0

generator-sounds: dev
	mkdir -p $(GENERATORS)/sounds $(GENERATORS)/held-out
	cp nsynth_batch/recordings/* $(GENERATORS)/sounds
	mv $(HELD_OUT_SOUNDS:%=$(GENERATORS)/sounds/%.flac) $(GENERATORS)/held-out

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt $(NATIVE)
	$(PIP) install -c constraints.txt -e .
	touch $@

# Kerberos for WebHDFS is built against the system's library, where that is there.
EXTRAS = tensorflow,pictures,exports,kubernetes,s3,docs,dev$(if $(shell command -v krb5-config),$(comma)kerberos)

.venv/installed-dev: .venv/bin/python pyproject.toml constraints.txt $(NATIVE)
	$(PIP) install -c constraints.txt -e '.[$(EXTRAS)]'
	touch .venv/installed $@

clean: hdfs-stop s3-stop
	# Folders of an image may be read-only.
	[ ! -d build ] || chmod -R u+w build
	rm -rf .venv .venv-magenta .venv-manifests build demo-out .mypy_cache .pytest_cache .ruff_cache
