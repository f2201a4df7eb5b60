// What the command line accepts, in words, and the error for everything else.

/** A command that is written wrong: exit code 2. */
export class UsageError extends Error {}

export const HELP = `adastep trains neural networks, on the CPU or an NVIDIA GPU.

usage: adastep train <dataset> [options]
       adastep devices
       adastep --help | --version

datasets
  digits            1,797 handwritten digits of 8 x 8; comes with the package
  fashion-mnist     70,000 pictures of clothes, 28 x 28; Debian: apt-get install dataset-fashion-mnist
  <file>.csv        a table of numbers with a header; .csv.gz too

options of train
  --target <column>       CSV: the column to predict; default the last one
  --task <task>           CSV: classification (default) or regression
  --no-header             CSV: the first row is data; columns are named 0, 1, ...
  --epochs <n>            passes over the data
  --batch-size <n>        examples per step
  --lr <x>                learning rate, reached in a warm-up and brought down to 0 along a cosine
  --optimizer <name>      adam (default), adamw, adagrad or sgd
  --weight-decay <x>      default 0; adamw 0.01
  --clip <x>              scales gradients down to this norm; default: no clipping
  --hidden <sizes>        widths of the hidden layers, such as 128,64; none for a linear model
  --seed <n>              seeds weights, order, and which rows of a CSV are held out; default 0
  --device <name>         auto (default: the first usable GPU, else the CPU), cpu, cuda or cuda:0
  --threads <n>           threads that compute on the CPU; default: every core
  --output <path>         default <dataset>.safetensors in the current folder

Ctrl-C ends the training and saves the model as it is; a second one exits at once.
exit codes: 0 done, 1 something is wrong with the data or the run, 2 the command is written wrong.
environment: NO_COLOR for no colours, DEBUG for stack traces, ADASTEP_DATA for the folder of datasets.
`;
