#include "model/network/reference/layers.h"

#include <algorithm>
#include <cmath>

#include "model/rotary.h"

namespace occam::reference {

Matrix LinearForward(const Matrix& x, const Matrix& w) {
  Matrix y(x.rows, w.rows);
  for (size_t n = 0; n < x.rows; ++n) {
    for (size_t o = 0; o < w.rows; ++o) {
      for (size_t i = 0; i < x.columns; ++i) y.at(n, o) += x.at(n, i) * w.at(o, i);
    }
  }
  return y;
}

Matrix LinearBackward(const Matrix& x, const Matrix& w, const Matrix& dy, Matrix* dw) {
  Matrix dx(x.rows, x.columns);
  for (size_t n = 0; n < x.rows; ++n) {
    for (size_t o = 0; o < w.rows; ++o) {
      for (size_t i = 0; i < x.columns; ++i) {
        dx.at(n, i) += dy.at(n, o) * w.at(o, i);
        dw->at(o, i) += dy.at(n, o) * x.at(n, i);
      }
    }
  }
  return dx;
}

namespace {

// The root mean square of columns [begin, begin + size) of row n, or 0 below the smallest
// magnitude.
double RootMeanSquare(const Matrix& x, size_t n, size_t begin, size_t size) {
  double sum = 0;
  double largest = 0;
  for (size_t i = begin; i < begin + size; ++i) {
    sum += x.at(n, i) * x.at(n, i);
    largest = std::max(largest, std::fabs(x.at(n, i)));
  }
  return largest < 0x1p-100 ? 0 : std::sqrt(sum / static_cast<double>(size));
}

}  // namespace

Matrix NormForward(const Matrix& x, size_t size) {
  Matrix y(x.rows, x.columns);
  for (size_t n = 0; n < x.rows; ++n) {
    for (size_t begin = 0; begin < x.columns; begin += size) {
      const double rms = RootMeanSquare(x, n, begin, size);
      if (rms == 0) continue;
      for (size_t i = begin; i < begin + size; ++i) y.at(n, i) = x.at(n, i) / rms;
    }
  }
  return y;
}

// dy_i / dx_j = (delta_ij - y_i y_j / size) / rms.
Matrix NormBackward(const Matrix& x, size_t size, const Matrix& dy) {
  Matrix dx(x.rows, x.columns);
  for (size_t n = 0; n < x.rows; ++n) {
    for (size_t begin = 0; begin < x.columns; begin += size) {
      const double rms = RootMeanSquare(x, n, begin, size);
      if (rms == 0) continue;
      double dot = 0;
      for (size_t i = begin; i < begin + size; ++i) dot += dy.at(n, i) * x.at(n, i) / rms;
      for (size_t i = begin; i < begin + size; ++i) {
        dx.at(n, i) = (dy.at(n, i) - x.at(n, i) / rms * dot / static_cast<double>(size)) / rms;
      }
    }
  }
  return dx;
}

Matrix GainForward(const Matrix& x, const Matrix& gain) {
  Matrix y(x.rows, x.columns);
  for (size_t n = 0; n < x.rows; ++n) {
    for (size_t i = 0; i < x.columns; ++i) y.at(n, i) = x.at(n, i) * gain.at(0, i);
  }
  return y;
}

Matrix GainBackward(const Matrix& x, const Matrix& gain, const Matrix& dy, Matrix* dgain) {
  Matrix dx(x.rows, x.columns);
  for (size_t n = 0; n < x.rows; ++n) {
    for (size_t i = 0; i < x.columns; ++i) {
      dx.at(n, i) = dy.at(n, i) * gain.at(0, i);
      dgain->at(0, i) += dy.at(n, i) * x.at(n, i);
    }
  }
  return dx;
}

Matrix ConvolutionForward(const Matrix& x, const Matrix& w, size_t length) {
  Matrix y = x;
  for (size_t n = 0; n < x.rows; ++n) {
    for (size_t k = 0; k < w.rows; ++k) {
      const size_t back = w.rows - 1 - k;
      if (back > n % length) continue;
      for (size_t i = 0; i < x.columns; ++i) y.at(n, i) += w.at(k, i) * x.at(n - back, i);
    }
  }
  return y;
}

Matrix ConvolutionBackward(const Matrix& x, const Matrix& w, size_t length, const Matrix& dy,
                           Matrix* dw) {
  Matrix dx = dy;
  for (size_t n = 0; n < x.rows; ++n) {
    for (size_t k = 0; k < w.rows; ++k) {
      const size_t back = w.rows - 1 - k;
      if (back > n % length) continue;
      for (size_t i = 0; i < x.columns; ++i) {
        dx.at(n - back, i) += w.at(k, i) * dy.at(n, i);
        dw->at(k, i) += dy.at(n, i) * x.at(n - back, i);
      }
    }
  }
  return dx;
}

namespace {

Matrix Rotate(const Matrix& x, size_t size, size_t length, double direction) {
  const RotaryTable& table = Rotary();
  const size_t pairs = size / 2;
  const std::vector<int32_t> frequencies = RotaryFrequencies(static_cast<int>(pairs));
  Matrix y(x.rows, x.columns);
  for (size_t n = 0; n < x.rows; ++n) {
    for (size_t begin = 0; begin < x.columns; begin += size) {
      for (size_t i = 0; i < pairs; ++i) {
        const auto phase =
            static_cast<size_t>(RotaryPhase(static_cast<int64_t>(n % length), frequencies[i]));
        const double c = static_cast<double>(table.cosine[phase]);
        const double s = static_cast<double>(table.sine[phase]) * direction;
        const double x1 = x.at(n, begin + i);
        const double x2 = x.at(n, begin + pairs + i);
        y.at(n, begin + i) = x1 * c - x2 * s;
        y.at(n, begin + pairs + i) = x1 * s + x2 * c;
      }
    }
  }
  return y;
}

}  // namespace

Matrix RotateForward(const Matrix& x, size_t size, size_t length) {
  return Rotate(x, size, length, 1);
}

Matrix RotateBackward(const Matrix& dy, size_t size, size_t length) {
  return Rotate(dy, size, length, -1);
}

namespace {

bool Turns(size_t column, size_t size) {
  const size_t pairs = size / 2;
  return column % pairs < static_cast<size_t>(TurningPairs(static_cast<int>(pairs)));
}

}  // namespace

Matrix ShiftForward(const Matrix& x, size_t size, size_t length) {
  Matrix y(x.rows, x.columns);
  for (size_t n = 0; n < x.rows; ++n) {
    for (size_t j = 0; j < x.columns; ++j) {
      if (Turns(j % size, size)) {
        y.at(n, j) = x.at(n, j);
      } else if (n % length > 0) {
        y.at(n, j) = x.at(n - 1, j);
      }
    }
  }
  return y;
}

Matrix ShiftBackward(const Matrix& dy, size_t size, size_t length) {
  Matrix dx(dy.rows, dy.columns);
  for (size_t n = 0; n < dy.rows; ++n) {
    for (size_t j = 0; j < dy.columns; ++j) {
      if (Turns(j % size, size)) {
        dx.at(n, j) = dy.at(n, j);
      } else if (n % length > 0) {
        dx.at(n - 1, j) = dy.at(n, j);
      }
    }
  }
  return dx;
}

namespace {

// One query's head: where its columns and those of its keys begin, and which rows it sees.
struct Query {
  size_t row, column, kv_column, first_key;
};

template <class Each>
void ForEachQuery(const AttentionInput& x, size_t size, size_t length, size_t window, Each each) {
  const size_t group = x.q.columns / x.k.columns;
  for (size_t n = 0; n < x.q.rows; ++n) {
    const size_t back = std::min(n % length, window - 1);
    for (size_t h = 0; h < x.q.columns / size; ++h) {
      each(Query{n, h * size, h / group * size, n - back});
    }
  }
}

// The probabilities of the keys first_key .. row.
std::vector<double> Probabilities(const AttentionInput& x, size_t size, const Query& query) {
  std::vector<double> p;
  for (size_t j = query.first_key; j <= query.row; ++j) {
    double score = 0;
    for (size_t i = 0; i < size; ++i) {
      score += x.q.at(query.row, query.column + i) * x.k.at(j, query.kv_column + i);
    }
    p.push_back(score * 3 / std::sqrt(static_cast<double>(size)));
  }
  const double largest = *std::max_element(p.begin(), p.end());
  double sum = 0;
  for (double& score : p) sum += score = std::exp(score - largest);
  for (double& probability : p) probability /= sum;
  return p;
}

}  // namespace

Matrix AttentionForward(const AttentionInput& x, size_t size, size_t length, size_t window) {
  Matrix y(x.q.rows, x.q.columns);
  ForEachQuery(x, size, length, window, [&](const Query& query) {
    const std::vector<double> p = Probabilities(x, size, query);
    for (size_t j = 0; j < p.size(); ++j) {
      for (size_t i = 0; i < size; ++i) {
        y.at(query.row, query.column + i) +=
            p[j] * x.v.at(query.first_key + j, query.kv_column + i);
      }
    }
  });
  return y;
}

AttentionInput AttentionBackward(const AttentionInput& x, size_t size, size_t length, size_t window,
                                 const Matrix& dy) {
  AttentionInput dx{Matrix(x.q.rows, x.q.columns), Matrix(x.k.rows, x.k.columns),
                    Matrix(x.v.rows, x.v.columns)};
  ForEachQuery(x, size, length, window, [&](const Query& query) {
    const std::vector<double> p = Probabilities(x, size, query);
    std::vector<double> dp(p.size());
    double mean = 0;  // of dp under p
    for (size_t j = 0; j < p.size(); ++j) {
      const size_t key = query.first_key + j;
      for (size_t i = 0; i < size; ++i) {
        const double dyi = dy.at(query.row, query.column + i);
        dp[j] += dyi * x.v.at(key, query.kv_column + i);
        dx.v.at(key, query.kv_column + i) += p[j] * dyi;
      }
      mean += p[j] * dp[j];
    }
    for (size_t j = 0; j < p.size(); ++j) {
      const size_t key = query.first_key + j;
      const double dscore = p[j] * (dp[j] - mean) * 3 / std::sqrt(static_cast<double>(size));
      for (size_t i = 0; i < size; ++i) {
        dx.q.at(query.row, query.column + i) += dscore * x.k.at(key, query.kv_column + i);
        dx.k.at(key, query.kv_column + i) += dscore * x.q.at(query.row, query.column + i);
      }
    }
  });
  return dx;
}

Matrix ReluSquareForward(const Matrix& x) {
  Matrix y = x;
  for (double& v : y.values) v = v > 0 ? v * v : 0;
  return y;
}

Matrix ReluSquareBackward(const Matrix& x, const Matrix& dy) {
  Matrix dx = dy;
  for (size_t i = 0; i < dx.values.size(); ++i) dx.values[i] *= 2 * std::max(x.values[i], 0.0);
  return dx;
}

Matrix EmbeddingForward(const Matrix& table, std::span<const int32_t> symbols) {
  Matrix x(symbols.size(), table.columns);
  for (size_t n = 0; n < x.rows; ++n) {
    for (size_t i = 0; i < x.columns && symbols[n] >= 0; ++i)
      x.at(n, i) = table.at(static_cast<size_t>(symbols[n]), i);
  }
  return x;
}

void EmbeddingBackward(std::span<const int32_t> symbols, const Matrix& dy, Matrix* dtable) {
  for (size_t n = 0; n < dy.rows; ++n) {
    for (size_t i = 0; i < dy.columns && symbols[n] >= 0; ++i) {
      dtable->at(static_cast<size_t>(symbols[n]), i) += dy.at(n, i);
    }
  }
}

namespace {

// ln sum exp of row n.
double LogSum(const Matrix& logits, size_t n) {
  double largest = logits.at(n, 0);
  for (size_t i = 0; i < logits.columns; ++i) largest = std::max(largest, logits.at(n, i));
  double sum = 0;
  for (size_t i = 0; i < logits.columns; ++i) sum += std::exp(logits.at(n, i) - largest);
  return largest + std::log(sum);
}

}  // namespace

Matrix RecallForward(const Matrix& memory, size_t rules, std::span<const int32_t> rows) {
  const size_t m = memory.columns;
  Matrix y(rows.size() / rules, rules * m);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t k = 0; k < m; ++k)
      y.at(i / rules, i % rules * m + k) = memory.at(static_cast<size_t>(rows[i]), k);
  }
  return y;
}

void RecallBackward(std::span<const int32_t> rows, const Matrix& drecalled, Matrix* dmemory) {
  const size_t m = dmemory->columns, rules = drecalled.columns / m;
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t k = 0; k < m; ++k)
      dmemory->at(static_cast<size_t>(rows[i]), k) += drecalled.at(i / rules, i % rules * m + k);
  }
}

Matrix GateForward(const Matrix& x, const Matrix& gates) {
  const size_t m = x.columns / gates.columns;
  Matrix y = x;
  for (size_t n = 0; n < x.rows; ++n) {
    for (size_t i = 0; i < x.columns; ++i)
      y.at(n, i) *= std::clamp(1 + gates.at(n, i / m), 0.0, 2.0);
  }
  return y;
}

Matrix GateBackward(const Matrix& x, const Matrix& gates, const Matrix& dy, Matrix* dgates) {
  const size_t m = x.columns / gates.columns;
  Matrix dx(x.rows, x.columns);
  *dgates = Matrix(gates.rows, gates.columns);
  for (size_t n = 0; n < x.rows; ++n) {
    for (size_t i = 0; i < x.columns; ++i) {
      const double gate = 1 + gates.at(n, i / m);
      dx.at(n, i) = dy.at(n, i) * std::clamp(gate, 0.0, 2.0);
      if (gate >= 0 && gate <= 2) dgates->at(n, i / m) += dy.at(n, i) * x.at(n, i);
    }
  }
  return dx;
}

double CrossEntropyForward(const Matrix& logits, std::span<const int32_t> targets) {
  double loss_nats = 0;
  for (size_t n = 0; n < logits.rows; ++n) {
    loss_nats += LogSum(logits, n) - logits.at(n, static_cast<size_t>(targets[n]));
  }
  return loss_nats;
}

Matrix CrossEntropyBackward(const Matrix& logits, std::span<const int32_t> targets) {
  Matrix dlogits(logits.rows, logits.columns);
  for (size_t n = 0; n < logits.rows; ++n) {
    const double log_sum = LogSum(logits, n);
    for (size_t i = 0; i < logits.columns; ++i) {
      dlogits.at(n, i) = std::exp(logits.at(n, i) - log_sum);
    }
    dlogits.at(n, static_cast<size_t>(targets[n])) -= 1;
  }
  return dlogits;
}

Matrix Sum(const Matrix& a, const Matrix& b) {
  Matrix sum = a;
  for (size_t i = 0; i < sum.values.size(); ++i) sum.values[i] += b.values[i];
  return sum;
}

}  // namespace occam::reference
