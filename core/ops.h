// Every operation of a device. An operation is one struct, and its `visit` is its only description: it
// decodes the words that come from TypeScript, checks every span against its buffer, and tells TypeScript the
// schema. A backend has one `run` per struct; one that lacks an operation does not compile.
#pragma once
#include "core/ops/accumulate.h"
#include "core/ops/bag.h"
#include "core/ops/clip.h"
#include "core/ops/elementwise.h"
#include "core/ops/embedding.h"
#include "core/ops/gemm.h"
#include "core/ops/memory.h"
#include "core/ops/norm.h"
#include "core/ops/reduce.h"
#include "core/ops/softmax.h"
#include "core/ops/sparse.h"
#include "core/ops/update.h"
#include "core/ops/window.h"

// The formatter does not settle on a list like this.
// clang-format off
#define ADASTEP_FOR_EACH_OP(X) \
  X(Fill) X(Copy) X(Strided) X(Cast) X(Random) X(Dropout) X(Unary) X(Binary) X(Reduce) X(ArgMax) X(LabelRank) \
  X(Softmax) X(SoftmaxGrad) X(CrossEntropy) X(CrossEntropyGrad) X(LayerNorm) X(LayerNormGrad) \
  X(LayerNormParamGrad) X(Embedding) X(EmbeddingGrad) X(Gemm) X(Advance) X(Update) \
  X(GradientSums) X(FoldSums) X(Settle) X(Estimate) X(Commit) X(Snapshot) \
  X(EmbeddingBag) X(BagMap) X(BagWeightGrad) X(SortRows) X(RowSquares) X(AddRows) X(SparseUpdate) \
  X(SparseClock) X(SparseFlush) X(CatchUpRows) X(WatchRows) X(AdaptiveClip) \
  X(Unfold) X(Fold) X(MaxPool) X(MaxPoolGrad) X(Accumulate)
// clang-format on
