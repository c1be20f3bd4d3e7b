/* Occam for C and for everything that calls C: tiny transformers as lossless compressors.
 *
 * Introduction
 *
 *   A model predicts each next byte; a range coder turns predictions into bytes. The file that
 * comes out names its model, and the same model restores it: bit for bit, on every processor, with
 * any number of threads. The default model, broad-800K, is built in, so nothing else is needed:
 *
 *     occam_buffer packed = {0}, restored = {0};
 *     occam_error error;
 *     if (occam_compress(text, size, NULL, &packed, &error) != OCCAM_OK) puts(error.message);
 *     if (occam_decompress(packed.data, packed.size, NULL, &restored, &error) != OCCAM_OK) ...
 *     occam_buffer_free(&packed);
 *     occam_buffer_free(&restored);
 *
 *   This page goes from simple calls on buffers (1) over models (2), options (3) and streams (4) to
 *   costs, predictions and generation (5), the range coder alone (6) and small records (7).
 *
 * Errors
 *
 *   Each call that can fail returns an occam_code and writes one sentence into *error, which may be
 *   NULL. A call that fails leaves its results empty. There are no exceptions, and nothing that one
 *   call sets is seen by another.
 *
 * Threads
 *
 *   An occam_model may be used by any number of threads at once. Every other handle belongs to one
 *   thread at a time. Calls that share no handle never wait for each other, but for the first that
 *   uses a built-in model: it loads the model, which stays until the process ends.
 *
 * Compatibility
 *
 *   Structs that may grow begin with their size; occam_options_init() and its like give one with
 *   its size and zeros, which are the defaults. Names that begin with occam_ or OCCAM_ belong to
 *   the library.
 */
#ifndef OCCAM_C_H_
#define OCCAM_C_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define OCCAM_API __attribute__((visibility("default")))
#else
#define OCCAM_API
#endif

/* TYPE_init(): a TYPE with its size, and zeros, which are the defaults. */
#define OCCAM_INIT(type)                 \
  static inline type type##_init(void) { \
    type result;                         \
    memset(&result, 0, sizeof(result));  \
    result.struct_size = sizeof(result); \
    return result;                       \
  }

/* ---- Versions ------------------------------------------------------------------------------- */

#define OCCAM_VERSION_MAJOR 0
#define OCCAM_VERSION_MINOR 1
#define OCCAM_VERSION_PATCH 0

/* The version of the library that runs, "MAJOR.MINOR.PATCH". */
OCCAM_API const char* occam_version(void);

/* The numeric contract that the library computes by. A file of another contract is refused. */
OCCAM_API int occam_contract_version(void);

/* ---- Errors --------------------------------------------------------------------------------- */

typedef enum occam_code {
  OCCAM_OK = 0,
  OCCAM_ERROR_USAGE = 2,     /* the call asks for something that cannot be */
  OCCAM_ERROR_IO = 3,        /* reading or writing failed */
  OCCAM_ERROR_DAMAGED = 4,   /* the data is damaged, foreign, or belongs to another model */
  OCCAM_ERROR_MEMORY = 5,    /* there was not enough memory */
  OCCAM_ERROR_CANCELLED = 6, /* a function of the caller's asked to stop */
  OCCAM_ERROR_INTERNAL = 70  /* a bug of Occam's */
} occam_code;

typedef struct occam_error {
  occam_code code;
  char message[1020]; /* one sentence of UTF-8: what, where, and what to do; ends with a zero */
} occam_error;

/* The name of a code: "usage", "damaged", ... */
OCCAM_API const char* occam_code_name(occam_code code);

/* ---- 1. Simple calls ------------------------------------------------------------------------ */

/* Bytes that the library allocated. Free them by occam_buffer_free. */
typedef struct occam_buffer {
  uint8_t* data;
  size_t size;
} occam_buffer;

OCCAM_API void occam_buffer_free(occam_buffer* buffer);

typedef struct occam_options occam_options; /* section 3; NULL stands for the defaults */

/* Compresses `size` bytes into an .occ file in memory. */
OCCAM_API occam_code occam_compress(const void* bytes, size_t size, const occam_options* options,
                                    occam_buffer* file, occam_error* error);

/* Restores an .occ file in memory. Gives the original bytes or an error, never other bytes. */
OCCAM_API occam_code occam_decompress(const void* file, size_t size, const occam_options* options,
                                      occam_buffer* bytes, occam_error* error);

/* ---- 2. Models ------------------------------------------------------------------------------ */

typedef struct occam_model occam_model; /* immutable */

/* Flags of the calls that make a model. */
#define OCCAM_PLAIN_KERNELS 1u /* the slow definition in place of the vector kernels */
/* A flag of occam_options alone: compressing without a model, by the expert of mode adaptive. */
#define OCCAM_NO_MODEL 2u

/* The names of the models that are part of the library. The first is the default. */
OCCAM_API size_t occam_built_in_count(void);
OCCAM_API const char* occam_built_in_name(size_t number); /* NULL beyond the last */

/* A built-in model by its name; NULL is the default one. */
OCCAM_API occam_code occam_model_built_in(const char* name, unsigned flags, occam_model** model,
                                          occam_error* error);

/* A model file (.occm), flat or coded, by its path or from memory. The bytes are copied, but for
 * the weights of an imported model in a flat file. These are read where they lie in the file. It
 * must not change while the model is there; it may be replaced or removed. */
OCCAM_API occam_code occam_model_open(const char* path, unsigned flags, occam_model** model,
                                      occam_error* error);
OCCAM_API occam_code occam_model_parse(const void* bytes, size_t size, unsigned flags,
                                       occam_model** model, occam_error* error);

/* The same by its path, with options->memory, ->flags and ->progress. */
OCCAM_API occam_code occam_model_open_with(const char* path, const occam_options* options,
                                           occam_model** model, occam_error* error);

/* The same from a stream: options->memory, ->flags and ->progress count. The others of this section
 * read what takes no more memory than the defaults allow, a file and its model together. */
typedef struct occam_reader occam_reader; /* section 4 */
OCCAM_API occam_code occam_model_read(const occam_reader* reader, const occam_options* options,
                                      occam_model** model, occam_error* error);

OCCAM_API void occam_model_free(occam_model* model); /* NULL is allowed */

typedef struct occam_model_info {
  size_t struct_size;
  uint8_t id[32];        /* SHA-256; equal ids code alike */
  uint32_t contract;     /* numeric contract */
  uint32_t vocabulary;   /* symbols; 256 where a symbol is a byte */
  uint32_t context;      /* symbols that a prediction looks back over at most */
  uint32_t width;        /* channels of the network */
  uint32_t layers;       /* blocks of the network */
  uint64_t parameters;   /* numbers that training chose */
  const char* kernels;   /* that compute it here: "plain", "AVX2", ...; lives with the model */
  const char* tokenizer; /* what a symbol is: "bytes", ...; lives with the model */
} occam_model_info;
OCCAM_INIT(occam_model_info)

OCCAM_API void occam_model_get_info(const occam_model* model, occam_model_info* info);

/* The model as a file: flat, which loads at once, or coded, which is a fifth smaller. */
OCCAM_API occam_code occam_model_serialise(const occam_model* model, int coded, occam_buffer* file,
                                           occam_error* error);

/* ---- 3. Options ----------------------------------------------------------------------------- */

typedef enum occam_mode {
  OCCAM_MODE_CHUNKED = 0,  /* contexts start afresh every `context` symbols: the published setting,
                              and the default of the library; the command's is adaptive */
  OCCAM_MODE_CARRIED = 1,  /* contexts go on: smaller */
  OCCAM_MODE_ADAPTIVE = 2, /* carried, and mixed with what the data itself teaches: smaller still,
                              but slower, and for models of bytes only */
  OCCAM_MODE_FIRST_ADAPTIVE = 3,  /* that mode's first form: only told of files, not written */
  OCCAM_MODE_LONG = 4,            /* adaptive, with 128 MiB of data to learn from at a time in place
                                     of 16: smaller where more is alike, and 3 GB of memory (the
                                     option `memory`) both ways */
  OCCAM_MODE_SECOND_ADAPTIVE = 5, /* forms before of adaptive and long: only told of files */
  OCCAM_MODE_FIRST_LONG = 6
} occam_mode;

/* Told often of bytes done so far, from any thread, by one at a time; neither number goes back. A
 * result that is not 0 ends the call with OCCAM_ERROR_CANCELLED. */
typedef int (*occam_progress)(void* user, uint64_t original_bytes, uint64_t file_bytes);

/* Told of damage: bytes [begin, end) of the original are missing, and why. `end` is
 * OCCAM_UNKNOWN where nobody knows how much followed; begin == end is damage that cost nothing. */
typedef void (*occam_damage)(void* user, uint64_t begin, uint64_t end, const char* why);
#define OCCAM_UNKNOWN UINT64_MAX

struct occam_options {
  size_t struct_size;
  const occam_model* model; /* NULL: compressing, the default; restoring, the one that the file
                               holds or that is built in. It must outlive the call. */
  occam_mode mode;          /* compressing alone; a file says its own */
  int embed_model;          /* compressing: 1 puts the model, coded, into the file */
  int threads;              /* 0: one a processor; never more than four for each. It never shows in
                               a result. */
  unsigned flags;           /* for the models of files, as in section 2, and OCCAM_NO_MODEL */
  occam_progress progress;  /* NULL: none */
  void* progress_user;
  occam_damage damage; /* restoring: not NULL, go on after damage, with zeros for missing bytes
                          whose number is known. The call then succeeds. */
  void* damage_user;
  uint64_t memory; /* bytes that the call may take, a model and what it is read from included; 0: 1
                      GB; OCCAM_UNKNOWN: any number. It is counted from the headers before anything
                      is allocated: OCCAM_ERROR_MEMORY where not even one thread could work. Where
                      more threads could not all work at once, fewer do. */
  uint32_t photo_width;    /* compressing raw pixels: those of a row; 0: the file's header tells */
  uint32_t photo_channels; /* of a pixel, a byte each, 1 .. 4; used with photo_width */
  uint32_t lanes; /* compressing in modes adaptive and long: sequences that a segment is cut into,
                     1 .. 32. One alone is smallest, and restored slowest. 0: 32, and adaptive
                     fewer where the data has less than 2 MiB. */
  const void*
      dictionary; /* bytes that both sides know and that are like the data: an older version,
                     or records of the same kind. They are learned before each segment, and
                     make it small. A file tells which it needs: OCCAM_ERROR_USAGE without
                     it, OCCAM_ERROR_DAMAGED with another. Compressing, the mode is then
                     adaptive. NULL: none. It must outlive the call. */
  size_t dictionary_size; /* of more than OCCAM_DICTIONARY_MAX bytes the last ones are used */
};
OCCAM_INIT(occam_options)
#define OCCAM_DICTIONARY_MAX 16777216u

/* ---- 4. Streams and files ------------------------------------------------------------------- */

/* A source of bytes. Memory stays bounded by two segments a thread, whatever the length. */
struct occam_reader {
  size_t struct_size;
  void* user;
  /* Reads at most `size` bytes. Returns how many, 0 at the end, OCCAM_FAILED on failure. */
  size_t (*read)(void* user, void* out, size_t size);
  /* Makes the byte at `position` the next one; 0 on success. NULL: only reading on is possible. */
  int (*seek)(void* user, uint64_t position);
  uint64_t bytes;   /* that there are in all, where `seek` is given; else 0 */
  const char* name; /* for messages; NULL: "the input" */
};
OCCAM_INIT(occam_reader)
#define OCCAM_FAILED SIZE_MAX

/* A sink of bytes. Restored bytes arrive in order, each only after it was found to be right. */
typedef struct occam_writer {
  size_t struct_size;
  void* user;
  int (*write)(void* user, const void* bytes, size_t size); /* 0 on success */
  const char* name;                                         /* for messages; NULL: "the output" */
} occam_writer;
OCCAM_INIT(occam_writer)

/* Sizes as they were written or read, in bytes. */
typedef struct occam_stats {
  size_t struct_size;
  uint64_t original_bytes;
  uint64_t file_bytes;
  uint64_t payload_bytes;   /* coded symbols */
  uint64_t lost_bit_bytes;  /* of the payload: bits that a tokenizer of seven bits loses; when
                               compressing */
  uint64_t model_bytes;     /* the model in the file; the rest of the file is headers */
  uint64_t segments;        /* by method: */
  uint64_t model_segments;  /* predicted by the model */
  uint64_t order2_segments; /* predicted by counts of byte triples */
  uint64_t stored_segments; /* as they are */
  uint64_t expert_segments; /* by the expert of mode adaptive, without the model; programs, too */
  uint64_t sound_segments;  /* as samples of sound */
  uint64_t photo_segments;  /* as rows of pixels */
} occam_stats;
OCCAM_INIT(occam_stats)

/* Compresses all that the reader gives. `stats` may be NULL here and below. */
OCCAM_API occam_code occam_compress_stream(const occam_reader* reader, const occam_writer* writer,
                                           const occam_options* options, occam_stats* stats,
                                           occam_error* error);

/* Restores all that the reader gives. */
OCCAM_API occam_code occam_decompress_stream(const occam_reader* reader, const occam_writer* writer,
                                             const occam_options* options, occam_stats* stats,
                                             occam_error* error);

/* Restores `length` bytes of the original from `offset` on; OCCAM_UNKNOWN: to its end. A reader
 * that can seek is entered by the index, and only the segments of the range are decoded. */
OCCAM_API occam_code occam_decompress_range(const occam_reader* reader, const occam_writer* writer,
                                            uint64_t offset, uint64_t length,
                                            const occam_options* options, occam_stats* stats,
                                            occam_error* error);

/* The facts that an .occ file tells of itself. */
typedef struct occam_file_info {
  size_t struct_size;
  uint32_t contract; /* numeric contract of its model; 0: no model */
  occam_mode mode;
  uint32_t context;      /* symbols */
  uint32_t lanes;        /* of a full segment */
  uint32_t lane_symbols; /* of a lane of a full segment */
  int has_model;         /* whether it was made with a model */
  int embeds_model;      /* whether it holds that */
  uint8_t model_id[32]; /* of a short file whose model is not built in, 8 bytes of it, then zeros */
  occam_stats stats;
  /* Restoring the file takes at least these many bytes of memory, its model included, and these
   * many multiplications; OCCAM_UNKNOWN where its model is neither in it nor built in. */
  uint64_t memory;
  uint64_t multiplications;
  uint64_t archives;        /* that the file consists of, one after the other: 1 or more */
  uint8_t dictionary_id[8]; /* of the dictionary that it needs: the begin of its SHA-256; zeros:
                               none */
} occam_file_info;
OCCAM_INIT(occam_file_info)

/* Reads all of an .occ file and checks all but the decoding; needs no model. `model`, which may be
 * NULL, gets the file's own model as it was written, empty where it holds none.
 *
 * Where a file consists of several archives, `stats` and `multiplications` are their sums, and
 * `memory` is the most that one of them takes. All else, and the model, is of the first archive. */
OCCAM_API occam_code occam_list(const occam_reader* reader, occam_file_info* info,
                                occam_buffer* model, occam_error* error);

/* Takes what one archive of a file tells of itself, and its own model, of 0 bytes where it holds
 * none. Both are there until it returns. Anything but 0 ends the call with OCCAM_ERROR_CANCELLED.
 */
typedef int (*occam_list_function)(void* user, const occam_file_info* info, const void* model,
                                   size_t model_bytes);

/* Does as occam_list, and calls `each` with every archive, in the order of the file. */
OCCAM_API occam_code occam_list_each(const occam_reader* reader, occam_list_function each,
                                     void* user, occam_error* error);

/* Adds what another archive tells of itself to the sums of occam_list. A `sum` of no archives
 * becomes that archive's. */
OCCAM_API occam_code occam_list_add(const occam_file_info* archive, occam_file_info* sum,
                                    occam_error* error);

/* ---- 5. Costs, predictions, generation ------------------------------------------------------ */

/* The bits that each byte costs when these bytes are compressed with these options by the model:
 * bits[i] = -log2 of the probability of byte i. Where a symbol stands for several bytes, each takes
 * an equal share. Their sum is the length of the model's payload, but for the coder's rounding and
 * for bits that a tokenizer of seven bits loses. A file is smaller where order 2, or the bytes as
 * they are, take less. */
OCCAM_API occam_code occam_costs(const void* bytes, size_t size, const occam_options* options,
                                 float* bits, occam_error* error);

/* Who decided a byte. In mode adaptive several predictors are mixed. The network decides, unless
 * the others make the byte half a bit cheaper than by the network alone. Then it is the one whose
 * evidence for the byte weighs most. In other modes it is always the network. */
typedef enum occam_decider {
  OCCAM_DECIDER_NETWORK = 0,
  OCCAM_DECIDER_MATCH = 1,  /* a long string that came before goes on as it did there */
  OCCAM_DECIDER_WORDS = 2,  /* what followed the word so far, also with the word before it */
  OCCAM_DECIDER_ORDERS = 3, /* what followed the last four and six bytes */
  OCCAM_DECIDER_NONE = 4    /* the byte costs 8 bits or more: nobody expected it */
} occam_decider;

/* Tells the costs of occam_costs, and in deciders[i] the occam_decider of byte i. */
OCCAM_API occam_code occam_costs_explained(const void* bytes, size_t size,
                                           const occam_options* options, float* bits,
                                           uint8_t* deciders, occam_error* error);

/* A text that is read piece by piece: what would come next? Its context is carried without end. */
typedef struct occam_context occam_context;

/* The model must outlive the context. */
OCCAM_API occam_code occam_context_new(const occam_model* model, occam_context** context,
                                       occam_error* error);
OCCAM_API void occam_context_free(occam_context* context); /* NULL is allowed */

/* Reads on. `bits`, which may be NULL, gets what these bytes cost as symbols. `progress`, which may
 * be NULL, is told of the bytes read and of what they cost in bytes; a result that is not 0 ends
 * the call with OCCAM_ERROR_CANCELLED after a part. Models of byte pairs cut each piece into
 * symbols by itself. */
OCCAM_API occam_code occam_context_feed(occam_context* context, const void* bytes, size_t size,
                                        occam_progress progress, void* progress_user, double* bits,
                                        occam_error* error);

/* The distribution of the next byte: frequencies[b] / OCCAM_FREQUENCY_TOTAL. They sum to that. For
 * models of byte pairs it is the distribution of the next symbol's first byte. */
#define OCCAM_FREQUENCY_BITS 24
#define OCCAM_FREQUENCY_TOTAL (1u << OCCAM_FREQUENCY_BITS)
OCCAM_API occam_code occam_context_next(occam_context* context, uint32_t frequencies[256],
                                        occam_error* error);

typedef struct occam_sampling {
  size_t struct_size;
  uint32_t
      temperature_thousandths; /* 1000: by the model's own frequencies; 0: always the likeliest */
  uint32_t top_k;              /* only the k likeliest symbols; 0: all */
  uint64_t seed;               /* the same seed draws the same bytes on every machine */
} occam_sampling;

static inline occam_sampling occam_sampling_init(void) {
  const occam_sampling sampling = {sizeof(occam_sampling), 1000, 0, 1};
  return sampling;
}

/* Goes on from what the context has read, and reads what it draws: `size` bytes to the writer,
 * which gets them as they come and ends the call by a result that is not 0. `sampling` may be NULL.
 */
OCCAM_API occam_code occam_context_generate(occam_context* context, const occam_sampling* sampling,
                                            uint64_t size, const occam_writer* writer,
                                            occam_error* error);

/* ---- 6. The range coder alone --------------------------------------------------------------- */

/* The coder, for predictors of your own. A symbol is a part [start, start + size) of [0,
 * OCCAM_FREQUENCY_TOTAL), size at least 1. The stream is as long as the symbols' information and at
 * most 2 bytes more. */
typedef struct occam_encoder occam_encoder;
typedef struct occam_decoder occam_decoder;

OCCAM_API occam_code occam_encoder_new(occam_encoder** encoder, occam_error* error);
OCCAM_API void occam_encoder_free(occam_encoder* encoder); /* NULL is allowed */
OCCAM_API occam_code occam_encoder_put(occam_encoder* encoder, uint32_t start, uint32_t size,
                                       occam_error* error);
/* Ends the stream and begins another. */
OCCAM_API occam_code occam_encoder_finish(occam_encoder* encoder, occam_buffer* stream,
                                          occam_error* error);

/* The bytes must outlive the decoder. */
OCCAM_API occam_code occam_decoder_new(const void* stream, size_t size, occam_decoder** decoder,
                                       occam_error* error);
OCCAM_API void occam_decoder_free(occam_decoder* decoder); /* NULL is allowed */
/* A point within the next symbol's part; find the symbol, then step over it by occam_decoder_take.
 */
OCCAM_API occam_code occam_decoder_target(occam_decoder* decoder, uint32_t* target,
                                          occam_error* error);
OCCAM_API occam_code occam_decoder_take(occam_decoder* decoder, uint32_t start, uint32_t size,
                                        occam_error* error);
/* Returns, after the last symbol, whether an encoder of these symbols writes these very bytes. */
OCCAM_API int occam_decoder_is_exact(const occam_decoder* decoder);

/* ---- 7. Small records ------------------------------------------------------------------------ */

/* A record of a few hundred bytes, coded alone into a bare frame: its length, a check and the
 * payload (docs/spec/frame.md). There is no magic, no index and no model id: whoever decodes must
 * know the model, the dictionary and the number of check bytes. A handle keeps its memory from
 * record to record. */
typedef struct occam_record_codec occam_record_codec;

#define OCCAM_RECORD_MAX 1061055u /* bytes of a record at most */
#define OCCAM_FRAME_MAX 4u        /* bytes that a frame has around its payload at most */

typedef struct occam_record_options {
  size_t struct_size;
  int check_bytes;         /* 0, 1 or 2 bytes of a hash of the record. A wrong model or a cut or
                              damaged frame is taken for right by 1 in 256 with one byte, by 1 in
                              65536 with two, often with none. Records of more than 12479 bytes
                              have room for one. */
  occam_progress progress; /* of each call by itself, for long records; NULL: none */
  void* progress_user;
  const void*
      dictionary; /* records like those to come, one after the other; some 100 KB are enough.
                     They are copied, and learned in the first call. Predictions are then
                     mixed as in mode adaptive, for models of bytes alone. NULL: none. */
  size_t dictionary_size; /* of more than OCCAM_DICTIONARY_MAX bytes the last ones are used */
} occam_record_options;

static inline occam_record_options occam_record_options_init(void) {
  const occam_record_options options = {sizeof(occam_record_options), 1, NULL, NULL, NULL, 0};
  return options;
}

/* The model must outlive the codec. `options` may be NULL. */
OCCAM_API occam_code occam_record_codec_new(const occam_model* model,
                                            const occam_record_options* options,
                                            occam_record_codec** codec, occam_error* error);
OCCAM_API void occam_record_codec_free(occam_record_codec* codec); /* NULL is allowed */

/* A frame has at most OCCAM_FRAME_MAX bytes more than its record, which may be empty. */
OCCAM_API occam_code occam_record_encode(occam_record_codec* codec, const void* record, size_t size,
                                         occam_buffer* frame, occam_error* error);

/* OCCAM_ERROR_DAMAGED where the frame is seen not to be one that the model has made. */
OCCAM_API occam_code occam_record_decode(occam_record_codec* codec, const void* frame, size_t size,
                                         occam_buffer* record, occam_error* error);

/* The record's length by the first bytes of its frame, with no model; unchecked. */
OCCAM_API occam_code occam_record_size(const void* frame, size_t size, size_t* record_size,
                                       occam_error* error);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* OCCAM_C_H_ */
