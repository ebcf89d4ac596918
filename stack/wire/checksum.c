/* SPDX-License-Identifier: BSD-3-Clause */
/* The vector version adds 16-bit words as signed ones (vpmaddwd with ones adds two and widens to 32
 * bits), so each word is first shifted by 0x8000; what that took off is added back by counting words. That
 * is three instructions per register. Blocks of 64 KiB keep the sums of a register within 31 bits.
 *
 * Which version runs is asked of the compiler's own record of the processor at each call, a test of a byte
 * in memory: cheaper than an indirect call, and nothing of ours to keep. */
#include "wire/checksum.h"

#include <immintrin.h>

#define BLOCK         65536u
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define SHORT         64u /* below, setting up vectors costs more than it saves */

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t add_carry(uint64_t a, uint64_t b)
{
    a += b;
    return a + (a < b);
}

/* The last 0 to 7 bytes as words, zero-filled. */
static ALWAYS_INLINE uint64_t load_tail(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    if (n & 4) {
        uint32_t w;
        memcpy(&w, p, sizeof w);
        v = w;
        p += 4;
    }
    if (n & 2) {
        uint16_t w;
        memcpy(&w, p, sizeof w);
        v += w;
        p += 2;
    }
    if (n & 1) {
        uint16_t w = 0;
        memcpy(&w, p, 1);
        v += w;
    }
    return v;
}

/* Room is left above for others to be added. */
static inline uint64_t half_fold(uint64_t sum)
{
    return (sum & 0xffffffff) + (sum >> 32);
}

static uint64_t partial_scalar(const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t sum = 0;

    for (; len >= 32; len -= 32, p += 32) {
        sum = add_carry(sum, load64(p));
        sum = add_carry(sum, load64(p + 8));
        sum = add_carry(sum, load64(p + 16));
        sum = add_carry(sum, load64(p + 24));
    }
    for (; len >= 8; len -= 8, p += 8)
        sum = add_carry(sum, load64(p));
    return half_fold(sum) + load_tail(p, len);
}

/* What the shift by 0x8000 took off `bytes`. */
static ALWAYS_INLINE uint64_t unshift(int32_t sum, size_t bytes)
{
    return (uint64_t)((int64_t)sum + (int64_t)(bytes / 2) * 0x8000);
}

/* tune: that of the build would load each register in two halves. */
#define AVX2 __attribute__((target("avx2,tune=haswell")))

/* The constants of the loop. Hidden from the compiler, which would else make them anew at each use. */
struct avx2 {
    __m256i shift, ones;
};

static ALWAYS_INLINE AVX2 struct avx2 avx2_constants(void)
{
    struct avx2 k = {_mm256_set1_epi16((short)0x8000), _mm256_set1_epi16(1)};
    __asm__("" : "+x"(k.shift), "+x"(k.ones));
    return k;
}

static ALWAYS_INLINE AVX2 __m256i pairs_avx2(const struct avx2 *k, __m256i v)
{
    return _mm256_madd_epi16(_mm256_xor_si256(v, k->shift), k->ones);
}

static ALWAYS_INLINE AVX2 __m256i load_avx2(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static ALWAYS_INLINE AVX2 __m256i four_avx2(const struct avx2 *k, const uint8_t *p)
{
    __m256i a = _mm256_add_epi32(pairs_avx2(k, load_avx2(p)), pairs_avx2(k, load_avx2(p + 32)));
    __m256i b = _mm256_add_epi32(pairs_avx2(k, load_avx2(p + 64)), pairs_avx2(k, load_avx2(p + 96)));
    return _mm256_add_epi32(a, b);
}

static ALWAYS_INLINE AVX2 int32_t lanes_avx2(__m256i a)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
    return _mm_cvtsi128_si32(s);
}

/* The last 1 to 31 bytes, together with what the lanes hold. */
static ALWAYS_INLINE AVX2 uint64_t finish_avx2(const struct avx2 *k, __m256i a, const uint8_t *p, size_t left,
                                               size_t len)
{
    static const int32_t keep[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    size_t whole = left & ~(size_t)3;
    /* By 32-bit words, the rest of the register zero (and shifted like the rest). */
    __m256i mask = load_avx2((const uint8_t *)(keep + 8) - whole);

    a = _mm256_add_epi32(a, pairs_avx2(k, _mm256_maskload_epi32((const int *)p, mask)));
    return unshift(lanes_avx2(a), len - left + 32) + load_tail(p + whole, left & 3);
}

static AVX2 uint64_t block_avx2(const uint8_t *p, size_t len)
{
    struct avx2 k = avx2_constants();
    __m256i a = _mm256_setzero_si256();
    size_t left = len;

    for (; left >= 256; left -= 256, p += 256)
        a = _mm256_add_epi32(a, _mm256_add_epi32(four_avx2(&k, p), four_avx2(&k, p + 128)));
    if (left >= 128) {
        a = _mm256_add_epi32(a, four_avx2(&k, p));
        left -= 128;
        p += 128;
    }
    for (; left >= 32; left -= 32, p += 32)
        a = _mm256_add_epi32(a, pairs_avx2(&k, load_avx2(p)));
    if (left == 0)
        return unshift(lanes_avx2(a), len);
    return finish_avx2(&k, a, p, left, len);
}

static uint64_t blocks_avx2(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;

    for (; len > BLOCK; len -= BLOCK, p += BLOCK)
        sum += block_avx2(p, BLOCK);
    return sum + block_avx2(p, len);
}

static ALWAYS_INLINE uint64_t partial_avx2(const void *data, size_t len)
{
    return likely(len <= BLOCK) ? block_avx2(data, len) : blocks_avx2(data, len);
}

uint64_t checksum_partial(const void *data, size_t len)
{
    if (len < SHORT)
        return partial_scalar(data, len);
    if (__builtin_cpu_supports("avx2"))
        return partial_avx2(data, len);
    return partial_scalar(data, len);
}

const struct checksum_variant *checksum_variant(unsigned i)
{
    static const struct checksum_variant variants[] = {
        {"scalar", partial_scalar},
        {"avx2", partial_avx2},
    };
    unsigned n = __builtin_cpu_supports("avx2") ? 2 : 1;

    return i < n ? &variants[i] : NULL;
}

uint64_t checksum_partial_mbuf(const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
    uint64_t sum = 0;
    bool odd = false;

    if (likely(off + len <= m->data_len))
        return checksum_partial(rte_pktmbuf_mtod_offset(m, const uint8_t *, off), len);
    while (off > m->data_len || (off == m->data_len && len > 0)) {
        off -= m->data_len;
        m = m->next;
    }
    while (len > 0) {
        uint32_t n = RTE_MIN(len, m->data_len - off);
        uint64_t part = checksum_partial(rte_pktmbuf_mtod_offset(m, const uint8_t *, off), n);
        /* RFC1071-2 (B): a part at an odd offset adds up with its bytes swapped. */
        sum += odd ? __builtin_bswap16(checksum_fold(part)) : part;
        odd ^= n & 1;
        len -= n;
        off = 0;
        m = m->next;
    }
    return sum;
}

uint16_t checksum_transport(const struct rte_mbuf *m, uint32_t l4_off, const struct ip_addr *src,
                            const struct ip_addr *dst, uint8_t proto)
{
    uint32_t len = m->pkt_len - l4_off;
    return checksum_finish(checksum_pseudo(src, dst, proto, len) + checksum_partial_mbuf(m, l4_off, len));
}
